// What the Plesk fake has: customers, sites, plans.

/** A customer of the fake. */
export type FakeClient = {
  readonly id: number;
  readonly guid: string;
  name: string;
  login: string;
  email: string;
  external_id: string;
  description: string;
  type: string;
  password: string;
};

/** A site of the fake. */
export type FakeDomain = {
  readonly id: number;
  readonly name: string;
  readonly clientId: number;
  readonly ftpLogin: string;
  ftpPassword: string;
  plan: string;
  status: 'active' | 'suspended' | 'disabled';
  created: string;
  readonly ips: readonly string[];
};

/** What the server has. */
export type State = {
  readonly clients: Map<number, FakeClient>;
  readonly domains: Map<number, FakeDomain>;
  readonly plans: string[];
  commands: string[];
  /** Names of subscriptions that were brought back to their plan. */
  readonly synced: string[];
  links: number;
};
