// What the Enhance fake has: organisations, logins, subscriptions, websites, and how it shows them.

import { randomUUID } from 'node:crypto';

/** An organisation of the fake. */
export type FakeOrg = {
  readonly id: string;
  name: string;
  status: 'active' | 'deleted';
  /** Owners: member and login. */
  readonly members: { readonly id: string; readonly loginId: string }[];
};

/** A login of the fake. */
export type FakeLogin = { readonly id: string; readonly email: string; password: string };

/** A subscription of the fake. */
export type FakeSubscription = {
  readonly id: number;
  readonly orgId: string;
  readonly friendlyName: string;
  planId: number;
  status: 'active' | 'deleted';
  isSuspended: boolean;
};

/** A website of the fake. */
export type FakeWebsite = {
  readonly id: string;
  readonly orgId: string;
  readonly subscriptionId: number;
  readonly serverGroupId: string | undefined;
  domain: string;
  status: 'active' | 'deleted';
  sshPassword: string;
};

/** What the cluster has. */
export type State = {
  readonly orgs: Map<string, FakeOrg>;
  readonly logins: Map<string, FakeLogin>;
  readonly subscriptions: Map<number, FakeSubscription>;
  readonly websites: Map<string, FakeWebsite>;
  /** Where login links lead. */
  loginOrigin: string;
  readonly measured: number[];
};

/** The organisation that sells. */
export const SELLER = '5a0c2f6e-0f0b-4a57-9d5c-0b6f3ad0c001';
/** The groups of servers. */
export const GROUPS = [
  { id: '5a0c2f6e-0f0b-4a57-9d5c-0b6f3ad0c0e1', name: 'Europe' },
  { id: '5a0c2f6e-0f0b-4a57-9d5c-0b6f3ad0c0e2', name: 'America' },
] as const;
/** The plans; the second one is for Europe only. */
export const PLANS = [
  { id: 11, name: 'Starter', serverGroupIds: [] },
  { id: 12, name: 'Business', serverGroupIds: [GROUPS[0].id] },
] as const;

/** Makes a customer with a login that owns it. */
export function addCustomer(state: State, email: string): FakeOrg {
  const login = { id: randomUUID(), email, password: 'own' };
  const members = [{ id: randomUUID(), loginId: login.id }];
  const org: FakeOrg = { id: randomUUID(), name: email, status: 'active', members };
  state.logins.set(login.id, login);
  state.orgs.set(org.id, org);
  return org;
}

/** An organisation as the API shows it. */
export function showOrg(state: State, { id, name, status, members }: FakeOrg): object {
  const owner = state.logins.get(members[0]?.loginId ?? '');
  const active = [...state.subscriptions.values()].filter(
    (each) => each.orgId === id && each.status === 'active',
  );
  return {
    id,
    name,
    status,
    subscriptionsCount: active.length,
    websitesCount: 0,
    createdAt: '2026-11-01T00:00:00Z',
    locale: 'en',
    ...(id === SELLER ? {} : { parentId: SELLER }),
    ...(owner === undefined ? {} : { ownerEmail: owner.email, ownerLoginId: owner.id }),
  };
}

/** A login as the API shows it. */
export function showLogin({ id, email }: FakeLogin): object {
  const more = { colorCode: '#fff', registeredAt: '2026-11-01', authMethod: 'basic', locale: 'en' };
  return { id, email, name: email, ...more };
}

/** A member as the API shows it. */
export function showMember(state: State, { id, loginId }: FakeOrg['members'][number]): object {
  const email = state.logins.get(loginId)?.email ?? '';
  const more = { siteAccesses: [], notifications: [], joinedAt: '2026-11-01', colorCode: '#fff' };
  return { id, loginId, email, name: email, isActive: true, roles: ['Owner'], ...more };
}

/** A subscription as the API shows it. */
export function showSubscription(found: FakeSubscription): object {
  const { id, orgId, friendlyName, planId, status, isSuspended } = found;
  return {
    id,
    planId,
    planName: PLANS.find((each) => each.id === planId)?.name,
    subscriberId: orgId,
    vendorId: SELLER,
    status,
    ...(isSuspended ? { suspendedBy: SELLER } : {}),
    resources: [
      { name: 'diskspace', total: 10_737_418_240, usage: 4_096 },
      { name: 'transfer', usage: 512 },
      { name: 'mailboxes', total: 10, usage: 2 },
      { name: 'customers', total: 0, usage: 0 },
    ],
    allowances: [],
    selections: [],
    planType: 'shared',
    allowedPhpVersions: ['php84'],
    defaultPhpVersion: 'php84',
    redisAllowed: false,
    friendlyName,
  };
}

/** A website as the API shows it. */
export function showWebsite({ id, orgId, subscriptionId, domain, status }: FakeWebsite): object {
  return {
    id,
    domain: {
      id,
      domain,
      documentRoot: 'public_html',
      kind: 'primary',
      cloudflareStatus: 'Disconnected',
    },
    aliases: [],
    subdomains: [],
    subscriptionId,
    status,
    colorCode: '#fff',
    size: 0,
    orgId,
    kind: 'normal',
    createdAt: '2026-11-01',
    serverIps: [{ ip: '203.0.113.9', isPrimary: true }],
  };
}
