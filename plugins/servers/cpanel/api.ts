// WHM API 1 as this extension uses it, replies parsed; nothing here trusts the status alone.
// Source: api.docs.cpanel.net, WHM API 1 (read November 2026).

import { createRemote, originOf, readPages, readShape, z } from 'cofferdam/sdk';
import type { RemoteReply } from 'cofferdam/sdk';

import type { CpanelContext } from './config.ts';
import { explain, refusalOf } from './refusals.ts';

type Parameters = Readonly<Record<string, string | number | undefined>>;

const metadata = z.looseObject({
  result: z.coerce.number(),
  reason: z.string().nullish(),
});
const flag = z.coerce.number().transform((value) => value === 1);
const size = z.union([z.string(), z.number()]).nullish();

/** One line of `listaccts`. */
const account = z.looseObject({
  user: z.string(),
  domain: z.string(),
  plan: z.string().nullish(),
  email: z.string().nullish(),
  ip: z.string().nullish(),
  suspended: flag,
  suspendreason: z.string().nullish(),
  diskused: size,
  disklimit: size,
  inodesused: size,
  inodeslimit: size,
  unix_startdate: z.coerce.number().optional(),
});
const bandwidth = z.looseObject({ user: z.string(), totalbytes: z.coerce.number(), limit: size });
const session = z.looseObject({ url: z.string(), expires: z.coerce.number().optional() });
const packages = z.array(z.looseObject({ name: z.string(), QUOTA: size, BWLIMIT: size }));

/** A hosting account. */
export type Account = z.infer<typeof account>;

/** Accounts asked for at once. 500 lines are about 700 KB, well under what one reply may hold. */
const PAGE_SIZE = 500;
/** Pages read at most: more accounts than one server carries. */
const PAGES_MAX = 200;

/** The API of one server. */
export type Whm = ReturnType<typeof connect>;

/** Connects with the config of the instance; nothing is sent yet. */
export function connect({ config: values, fetch, call }: CpanelContext) {
  const remote = createRemote({
    name: 'WHM',
    fetch,
    baseUrl: `${originOf(values)}/json-api`,
    headers: { authorization: `whm ${values.username}:${values.apiToken}` },
    explain,
  });
  const send = async (name: string, reply: Promise<RemoteReply>): Promise<unknown> =>
    unwrap(name, await reply);

  /** Reads; parameters go into the query, for they are no secrets. */
  async function ask<T>(name: string, query: Parameters, shape: z.ZodType<T>): Promise<T> {
    const reply = remote.request('GET', `/${name}`, {
      query: { 'api.version': 1, ...query },
      signal: call.signal,
    });
    return parse(name, await send(name, reply), shape);
  }
  /** Changes; parameters go into the body, so that no log of addresses has a password. */
  const order = (name: string, form: Parameters, signal = call.signal): Promise<unknown> =>
    send(name, remote.request('POST', `/${name}`, { form: { 'api.version': 1, ...form }, signal }));

  return { ...readsOf(ask), ...ordersOf(order) };
}

type Ask = <T>(name: string, query: Parameters, shape: z.ZodType<T>) => Promise<T>;
type Order = (name: string, form: Parameters, signal?: AbortSignal) => Promise<unknown>;

/** What the server has. */
function readsOf(ask: Ask) {
  const accounts = async (query: Parameters): Promise<Account[]> =>
    (await ask('listaccts', query, z.looseObject({ acct: z.array(account) }))).acct;
  return {
    version: async () => (await ask('version', {}, z.looseObject({ version: z.string() }))).version,
    /** The privileges of the token by name; `all` is root. */
    privileges: async (): Promise<Readonly<Record<string, boolean>>> => {
      const shape = z.looseObject({ privileges: z.array(z.record(z.string(), flag)).min(1) });
      return (await ask('myprivs', {}, shape)).privileges[0] ?? {};
    },
    /** The account with exactly this user name or main domain. An empty list is a clear "no". */
    account: async (by: 'user' | 'domain', value: string): Promise<Account | undefined> => {
      const query = { searchtype: by, searchmethod: 'exact', search: value };
      return (await accounts(query)).find((each) => each[by].toLowerCase() === value);
    },
    /** Every account that the token may see. */
    accounts: (): Promise<Account[]> => {
      const remedy = 'Use an API token of a reseller who sees fewer of them';
      const list = { what: 'WHM: listaccts', pagesMax: PAGES_MAX, remedy };
      return readPages(list, async (_page, found) => {
        const items = await accounts({
          'api.chunk.enable': 1,
          'api.chunk.size': PAGE_SIZE,
          'api.chunk.start': found.length + 1,
          'api.sort.enable': 1,
          'api.sort.a.field': 'user',
        });
        return { items, isLast: items.length < PAGE_SIZE };
      });
    },
    packages: async () =>
      (await ask('listpkgs', { want: 'creatable' }, z.looseObject({ pkg: packages }))).pkg,
    bandwidth: async (user: string) => {
      const query = { searchtype: 'user', search: `^${user}$` };
      const { acct } = await ask('showbw', query, z.looseObject({ acct: z.array(bandwidth) }));
      return acct.find((each) => each.user === user);
    },
  };
}

/** What is done with accounts. */
function ordersOf(order: Order) {
  return {
    create: (form: Parameters, signal: AbortSignal) => order('createacct', form, signal),
    suspend: (user: string, reason: string) => order('suspendacct', { user, reason }),
    unsuspend: (user: string) => order('unsuspendacct', { user }),
    remove: (username: string, signal: AbortSignal) => order('removeacct', { username }, signal),
    changePackage: (user: string, pkg: string) => order('changepackage', { user, pkg }),
    setPassword: (user: string, password: string) => order('passwd', { user, password }),
    openSession: async (user: string, service: 'cpaneld' | 'webmaild') =>
      parse('create_user_session', await order('create_user_session', { user, service }), session),
  };
}

/** The `data` of a reply that says it worked. */
function unwrap(name: string, { json }: RemoteReply): unknown {
  const envelope = z.looseObject({ metadata, data: z.unknown().optional() }).safeParse(json);
  if (envelope.success && envelope.data.metadata.result === 1) return envelope.data.data;
  throw refusalOf(name, json);
}

function parse<T>(name: string, data: unknown, shape: z.ZodType<T>): T {
  const remedy = 'Update cPanel & WHM: this extension speaks WHM API 1 of version 110 and later';
  return readShape(shape, data, `WHM's answer to ${name}`, remedy);
}
