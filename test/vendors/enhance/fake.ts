// An Enhance cluster on loopback: organisations, logins, members, subscriptions, websites, removal with
// and without data, pages. Every request is held against Enhance's own description where that is present.

import { randomUUID } from 'node:crypto';

import { Refusal, startVendor } from '../../contract/vendor.ts';
import type { Vendor, VendorReply, VendorRequest } from '../../contract/vendor.ts';
import { createOpenApiCheck, readOpenApi } from '../openapi.ts';
import { DOCUMENTATION } from '../oracle.ts';
import { RULES } from './rules.ts';
import {
  GROUPS,
  PLANS,
  SELLER,
  showLogin,
  showMember,
  showOrg,
  showSubscription,
  showWebsite,
} from './state.ts';
import type { FakeOrg, FakeSubscription, FakeWebsite, State } from './state.ts';

/** What the fake lets in. */
export const ACCESS_TOKEN = 'enh-0f7b2c1de94f4c0a9a1d-token';

/** Enhance's own description; undefined where the shared folder is absent. */
export const SPEC = readOpenApi('enhance.yml');

/** The fake and what a test may change. */
export type FakeEnhance = Vendor & State;

type Route = (request: VendorRequest, ids: readonly string[]) => VendorReply;

const ok = (json: unknown, status = 200): VendorReply => ({ status, json });
const empty: VendorReply = { status: 204 };
const refuse = (status: number, code: string, detail: string) =>
  new Refusal(status, { code, detail });

/** Starts a cluster with two plans, two groups of servers and no customer. */
export async function startFakeEnhance(): Promise<FakeEnhance> {
  const check = createOpenApiCheck(
    'servers/enhance',
    { [SPEC === undefined ? DOCUMENTATION : 'enhance.yml']: SPEC ?? RULES },
    '/api',
  );
  const state: State = {
    orgs: new Map([[SELLER, { id: SELLER, name: 'Hosting Ltd', status: 'active', members: [] }]]),
    logins: new Map(),
    subscriptions: new Map(),
    websites: new Map(),
    loginOrigin: 'https://cp.example.com',
    measured: [],
  };
  const routes = { ...customerRoutes(state), ...siteRoutes(state) };
  const patterns = Object.entries(routes).map(([at, run]) => ({
    pattern: new RegExp(`^${at.replaceAll('*', '([^/]+)')}$`),
    run,
  }));

  function handle(request: VendorRequest): VendorReply {
    if (request.headers['authorization'] !== `Bearer ${ACCESS_TOKEN}`) {
      throw refuse(401, 'unauthorized', 'Invalid session');
    }
    const problems = check(request);
    if (problems.length > 0) throw refuse(400, 'invalid_input', problems.join('; '));
    const at = `${request.method} ${request.path.replace('/api', '')}`;
    for (const { pattern, run } of patterns) {
      const match = pattern.exec(at);
      if (match !== null) return run(request, match.slice(1));
    }
    throw refuse(404, 'not_found', `No route ${at}`);
  }
  return Object.assign(state, await startVendor(handle));
}

/** One page, as the request wants it. */
function page(all: readonly object[], { query }: VendorRequest): VendorReply {
  const offset = Number(query.get('offset') ?? 0);
  const limit = Math.min(Number(query.get('limit') ?? 20), 100);
  return ok({ items: all.slice(offset, offset + limit), total: all.length });
}

function customerRoutes(state: State): Record<string, Route> {
  const orgOf = (id = ''): FakeOrg => find(state.orgs.get(id));
  return {
    'GET /orgs/*': (_, [id]) => ok(showOrg(state, orgOf(id))),
    'PATCH /orgs/*': ({ json }, [id]) => {
      orgOf(id).name = json.name;
      return empty;
    },
    'DELETE /orgs/*': ({ query }, [id]) => {
      const org = orgOf(id);
      for (const each of state.subscriptions.values()) {
        if (each.orgId === org.id) removeSubscription(state, each, query.get('force') === 'true');
      }
      if (query.get('force') === 'true') state.orgs.delete(org.id);
      else org.status = 'deleted';
      return empty;
    },
    'GET /orgs/*/customers': (request) =>
      page(
        [...state.orgs.values()]
          .filter(({ id }) => id !== SELLER)
          .map((each) => showOrg(state, each)),
        request,
      ),
    'POST /orgs/*/customers': ({ json }) => {
      const org: FakeOrg = { id: randomUUID(), name: json.name, status: 'active', members: [] };
      state.orgs.set(org.id, org);
      return ok({ id: org.id }, 201);
    },
    'GET /orgs/*/logins': (request) => page([...state.logins.values()].map(showLogin), request),
    'GET /v2/orgs/*/customers/logins': (request) =>
      page([...state.logins.values()].map(showLogin), request),
    'POST /logins': ({ json: { email, password } }) => {
      const isTaken = [...state.logins.values()].some(
        (each) => each.email.toLowerCase() === email.toLowerCase(),
      );
      if (isTaken) throw refuse(409, 'already_exists', 'A login with this email exists');
      const login = { id: randomUUID(), email, password };
      state.logins.set(login.id, login);
      return ok({ id: login.id }, 201);
    },
    'PUT /v2/logins/*/password': ({ json }, [id = '']) => {
      find(state.logins.get(id)).password = json.newPassword;
      return { status: 200 };
    },
    'GET /orgs/*/members': (request, [id]) =>
      page(
        orgOf(id).members.map((each) => showMember(state, each)),
        request,
      ),
    'POST /orgs/*/members': ({ json }, [id]) => {
      const { members } = orgOf(id);
      find(state.logins.get(json.loginId));
      if (members.some(({ loginId }) => loginId === json.loginId)) {
        throw refuse(409, 'already_exists', 'Already a member');
      }
      const member = { id: randomUUID(), loginId: json.loginId };
      members.push(member);
      return ok({ id: member.id }, 201);
    },
    'GET /orgs/*/members/*/sso': (_, [id, member]) => {
      find(orgOf(id).members.find((each) => each.id === member));
      return ok(`${state.loginOrigin}/login/sso?otp=${member}`, 201);
    },
  };
}

function siteRoutes(state: State): Record<string, Route> {
  let lastId = 100;
  const subscriptionOf = (org = '', id = ''): FakeSubscription => {
    const found = state.subscriptions.get(Number(id));
    return find(found?.orgId === org ? found : undefined);
  };
  const websiteOf = (org = '', id = ''): FakeWebsite => {
    const found = state.websites.get(id);
    return find(found?.orgId === org ? found : undefined);
  };
  return {
    'GET /orgs/*/plans': (request) => page(PLANS.map(showPlan), request),
    'GET /servers/groups': () =>
      ok({ items: GROUPS.map((each) => ({ ...each, serverCount: 1, createdAt: '2026-01-01' })) }),
    'POST /orgs/*/domains/check': ({ json }) => {
      const used = [...state.websites.values()].find(({ domain }) => domain === json.domain);
      if (used === undefined) return ok({ status: 'notInUse' });
      return ok({ status: used.status === 'deleted' ? 'inUseDeletedSite' : 'inUseAnotherOrg' });
    },
    'GET /orgs/*/customers/*/subscriptions': (request, [, id]) =>
      page(
        [...state.subscriptions.values()].filter((each) => each.orgId === id).map(showSubscription),
        request,
      ),
    'POST /orgs/*/customers/*/subscriptions': ({ json }, [, orgId = '']) => {
      find(state.orgs.get(orgId));
      if (!PLANS.some(({ id }) => id === json.planId))
        throw refuse(404, 'not_found', 'No such plan');
      const { planId, friendlyName = '' } = json;
      const more = { status: 'active', isSuspended: false } as const;
      const next = (lastId += 1);
      state.subscriptions.set(next, { id: next, orgId, planId, friendlyName, ...more });
      return ok({ id: next }, 201);
    },
    'GET /orgs/*/subscriptions/*': (_, [org, id]) => ok(showSubscription(subscriptionOf(org, id))),
    'PATCH /orgs/*/subscriptions/*': ({ json }, [org, id]) => {
      Object.assign(subscriptionOf(org, id), json);
      return empty;
    },
    'DELETE /orgs/*/subscriptions/*': ({ query }, [org, id]) => {
      removeSubscription(state, subscriptionOf(org, id), query.get('force') === 'true');
      return empty;
    },
    'PUT /orgs/*/subscriptions/*/calculate-resource-usage': (_, [org, id]) => {
      state.measured.push(subscriptionOf(org, id).id);
      return ok({ items: [] });
    },
    'GET /orgs/*/websites': (request, [org]) => {
      const { query } = request;
      const search = query.get('search')?.toLowerCase() ?? '';
      const under = query.get('subscriptionId');
      const isIn = (each: FakeWebsite): boolean =>
        query.get('recursion') === 'directCustomers' || each.orgId === org;
      return page(
        [...state.websites.values()]
          .filter((each) => isIn(each) && each.domain.includes(search))
          .filter((each) => under === null || each.subscriptionId === Number(under))
          .map(showWebsite),
        request,
      );
    },
    'POST /orgs/*/websites': ({ json }, [orgId = '']) => {
      const { domain, subscriptionId, serverGroupId } = json;
      subscriptionOf(orgId, String(subscriptionId));
      if ([...state.websites.values()].some((each) => each.domain === domain)) {
        throw refuse(409, 'already_exists', `The domain ${domain} is in use`);
      }
      const id = randomUUID();
      const more = { status: 'active', sshPassword: '' } as const;
      state.websites.set(id, { id, orgId, subscriptionId, serverGroupId, domain, ...more });
      return ok({ id }, 201);
    },
    'GET /orgs/*/websites/*': (_, [org, id]) => ok(showWebsite(websiteOf(org, id))),
    'POST /orgs/*/websites/*/ssh/password': ({ json }, [org, id]) => {
      websiteOf(org, id).sshPassword = json.newPassword;
      return { status: 201 };
    },
  };
}

/** Without force Enhance keeps everything, marked as deleted; its domains stay taken. */
function removeSubscription(state: State, found: FakeSubscription, isForced: boolean): void {
  for (const site of state.websites.values()) {
    if (site.subscriptionId !== found.id) continue;
    if (isForced) state.websites.delete(site.id);
    else site.status = 'deleted';
  }
  if (isForced) state.subscriptions.delete(found.id);
  else found.status = 'deleted';
}

function showPlan({ id, name, serverGroupIds }: (typeof PLANS)[number]): object {
  return {
    id,
    name,
    orgId: SELLER,
    resources: [],
    allowances: [],
    selections: [],
    subscriptionsCount: 0,
    createdAt: '2026-01-01',
    planType: 'shared',
    allowedPhpVersions: ['php84'],
    defaultPhpVersion: 'php84',
    redisAllowed: false,
    serverGroupIds,
  };
}

function find<T>(found: T | undefined): T {
  if (found === undefined) throw refuse(404, 'not_found', 'Not found');
  return found;
}
