// WHM API 1 as this extension uses it: replies parsed, refusals told apart.
// WHM answers most refusals with HTTP 200 and `metadata.result` 0; nothing here trusts the status alone.
// Source: api.docs.cpanel.net, WHM API 1 (read November 2026).

import { createRemote, fail, z } from 'cofferdam/sdk';
import type { FailureCode, RemoteReply } from 'cofferdam/sdk';

import type { CpanelContext } from './config.ts';

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

const REMEDIES: { readonly [code in FailureCode]?: string } = {
  conflict: 'Look the name up in WHM under List Accounts; remove or rename what is in the way',
  capacity: 'Raise the limits of the reseller or of the license, or use another server',
  forbidden: 'Give the API token the privileges that the README of this extension lists',
  unauthorized:
    'Check user and API token, and that WHM does not limit the token to other addresses',
  locked: 'Wait until WHM has finished what it does with the account, then try again',
};

/** Which refusal the words of WHM are. The first that fits counts: packages are no accounts. */
const WORDS: readonly (readonly [RegExp, FailureCode])[] = [
  [/password.*(?:too weak|cannot be used|strength)/i, 'invalid_input'],
  [/(?:package|plan)\b.*(?:does not exist|not exist|not found|invalid)/i, 'invalid_input'],
  [/already exists|already owned|already in use|is taken|is reserved/i, 'conflict'],
  [/do(?:es)? not exist|no such user|is not a valid (?:c?panel )?(?:user|account)/i, 'not_found'],
  [
    /maximum|limit (?:of|has|is|reached)|quota|exceed|license|no free ip|out of (?:ip|disk)/i,
    'capacity',
  ],
  [
    /privilege|permission|not allowed|access denied|not authori[sz]ed|do not have access/i,
    'forbidden',
  ],
  [/is locked|in progress|another process|currently being/i, 'locked'],
  [/timed out|timeout/i, 'timeout'],
];

/** The API of one server. */
export type Whm = ReturnType<typeof connect>;

/** Connects with the config of the instance; nothing is sent yet. */
export function connect({ config: values, fetch, call }: CpanelContext) {
  const remote = createRemote({
    name: 'WHM',
    fetch,
    baseUrl: `https://${values.host.includes(':') ? `[${values.host}]` : values.host}:${values.port}/json-api`,
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
    accounts: async (): Promise<Account[]> => {
      const all: Account[] = [];
      for (let page = 0; page < PAGES_MAX; page += 1) {
        const found = await accounts({
          'api.chunk.enable': 1,
          'api.chunk.size': PAGE_SIZE,
          'api.chunk.start': page * PAGE_SIZE + 1,
          'api.sort.enable': 1,
          'api.sort.a.field': 'user',
        });
        all.push(...found);
        if (found.length < PAGE_SIZE) return all;
      }
      throw fail('capacity', `WHM has more than ${PAGES_MAX * PAGE_SIZE} accounts`, {
        remedy: 'Use an API token of a reseller who sees fewer of them',
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
  const { code = 'rejected', message } = readRefusal(json);
  if (!envelope.success && message === undefined) {
    throw fail('invalid_response', `WHM: ${name} answered without "metadata.result"`, {
      remedy: 'Check that host and port lead to WHM (2087), not to cPanel (2083)',
    });
  }
  const remedy = REMEDIES[code];
  throw fail(code, `WHM: ${name} was refused: ${message ?? 'no reason given'}`, {
    ...(remedy === undefined ? {} : { remedy }),
  });
}

function parse<T>(name: string, data: unknown, shape: z.ZodType<T>): T {
  const parsed = shape.safeParse(data);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  throw fail('invalid_response', `WHM: ${name} answered without a usable "data.${where}"`, {
    remedy: 'Update cPanel & WHM: this extension speaks WHM API 1 of version 110 and later',
  });
}

/** What a failing HTTP status means: the status decides, except that WHM refuses logins with 403. */
function explain({ status, json }: RemoteReply) {
  const { message, isLogin } = readRefusal(json);
  const code = isLogin && status < 500 ? 'unauthorized' : BY_STATUS[status];
  const remedy = code === undefined ? undefined : REMEDIES[code];
  return {
    ...(code === undefined ? {} : { code }),
    ...(remedy === undefined ? {} : { remedy }),
    // Never the body itself: the output of createacct repeats the password.
    message: message ?? 'no reason given',
  };
}

const BY_STATUS: { readonly [status: number]: FailureCode } = {
  401: 'unauthorized',
  403: 'forbidden',
};

/** WHM's own words, from API 1 or from the envelope in which it refuses a login. */
function readRefusal(json: unknown): { code?: FailureCode; message?: string; isLogin: boolean } {
  const text = z.string().min(1);
  const whm = z.looseObject({ metadata: z.looseObject({ reason: text }) }).safeParse(json);
  if (whm.success) {
    const message = plain(whm.data.metadata.reason);
    const code = WORDS.find(([pattern]) => pattern.test(message))?.[1];
    return { ...(code === undefined ? {} : { code }), message, isLogin: false };
  }
  const login = z
    .union([
      z
        .looseObject({ cpanelresult: z.looseObject({ error: text }) })
        .transform((it) => it.cpanelresult.error),
      z
        .looseObject({ data: z.looseObject({ reason: text, result: z.literal(['0', 0]) }) })
        .transform((it) => it.data.reason),
    ])
    .safeParse(json);
  if (!login.success) return { isLogin: false };
  return { code: 'unauthorized', message: plain(login.data), isLogin: true };
}

/** Words without markup: WHM puts HTML and scripts into some of its messages. At most 300 characters. */
function plain(text: string): string {
  return text
    .replaceAll(/<script[\s\S]*?<\/script>/gi, ' ')
    .replaceAll(/<[^>]*>?/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
}
