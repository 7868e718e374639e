// DirectAdmin as this extension uses it: its JSON API where that can do the thing, else the legacy
// commands. Sources: docs.directadmin.com/developer/api and the server's own swagger (read November 2026).

import { createRemote, fail, originOf, readShape, z } from 'cofferdam/sdk';
import type { RemoteReply, RemoteRequest } from 'cofferdam/sdk';

import type { DirectAdminContext } from './config.ts';
import { explain, isAbsence, readDone, readList, withRemedy } from './replies.ts';

const user = z.looseObject({
  username: z.string(),
  userType: z.string(),
  domain: z.string().nullish(),
  domains: z.array(z.string()).nullish(),
  email: z.string().nullish(),
  package: z.string().nullish(),
  ip: z.string().nullish(),
  suspended: z.boolean(),
  dateCreated: z.string().nullish(),
});
const limit = z.looseObject({
  usage: z.number(),
  limit: z.number(),
  unlimited: z.boolean().optional(),
});
const usage = z.looseObject({
  quotaBytes: limit,
  bandwidthBytes: limit,
  inode: limit.optional(),
  domains: limit.optional(),
  emailAccounts: limit.optional(),
  mySqlDatabases: limit.optional(),
});
const session = z.looseObject({ effectiveRole: z.string(), effectiveUsername: z.string() });
const found = z.array(
  z.looseObject({ user: z.string(), matchedDomains: z.array(z.string()).nullish() }),
);
const loginUrl = z.looseObject({ url: z.string(), expires: z.string().optional() });

/** A hosting user. */
export type User = z.infer<typeof user>;
/** One measured quantity. */
export type Limit = z.infer<typeof limit>;

/** The API of one server. */
export type DirectAdmin = ReturnType<typeof connect>;

/** Connects with the config of the instance; nothing is sent yet. */
export function connect({ config: values, fetch, call }: DirectAdminContext) {
  const remote = createRemote({
    name: 'DirectAdmin',
    fetch,
    baseUrl: originOf(values),
    explain,
  });
  async function send(method: string, path: string, more: RemoteRequest): Promise<RemoteReply> {
    const headers = { authorization: credentials(), ...more.headers };
    try {
      return await remote.request(method, path, { ...more, headers, signal: call.signal });
    } catch (error) {
      throw withRemedy(error);
    }
  }
  /** `admin|user`: what is asked is done as that user, with the admin's own key. */
  const credentials = (as?: string): string =>
    `Basic ${btoa(`${values.username}${as === undefined ? '' : `|${as}`}:${values.loginKey}`)}`;

  return { ...readsOf(send), ...ordersOf(send, credentials) };
}

type Send = (method: string, path: string, more: RemoteRequest) => Promise<RemoteReply>;
type Form = Readonly<Record<string, string>>;

/** What the server has. */
function readsOf(send: Send) {
  async function ask<T>(path: string, shape: z.ZodType<T>, query: Form = {}): Promise<T> {
    return parse(path, await send('GET', path, { query }), shape);
  }
  const list = async (command: string): Promise<string[]> =>
    readList(command, await send('GET', `/${command}`, { query: { json: 'yes' }, plain: true }));
  return {
    session: () => ask('/api/session', session),
    /** The user of exactly this name; undefined when DirectAdmin itself says that there is none. */
    user: async (name: string): Promise<User | undefined> => {
      const path = `/api/users/${encodeURIComponent(name)}/config`;
      const reply = await send('GET', path, { accept: [404] });
      if (reply.status !== 404) return parse(path, reply, user);
      if (isAbsence(reply)) return undefined;
      throw withRemedy(
        fail('invalid_response', `DirectAdmin: ${path} answered 404 in no known form`),
      );
    },
    usage: (name: string) => ask(`/api/users/${encodeURIComponent(name)}/usage`, usage),
    /** Who has the domain, if anybody whom this account can see. The search itself is by parts of names. */
    ownerOf: async (domain: string): Promise<string | undefined> => {
      const all = await ask('/api/search/users-extended', found, { q: domain, limit: '100' });
      const isOwner = ({ matchedDomains }: (typeof all)[number]): boolean =>
        (matchedDomains ?? []).some((each) => each.toLowerCase() === domain);
      return all.find(isOwner)?.user;
    },
    usernames: () => list('CMD_API_SHOW_USERS'),
    /** Packages for users; those for resellers cannot be given to a user. */
    packages: () => list('CMD_API_PACKAGES_USER'),
    addresses: () => list('CMD_API_SHOW_RESELLER_IPS'),
  };
}

/** What is done with users. Everything goes by POST, in the body. */
function ordersOf(send: Send, credentials: (as?: string) => string) {
  const order = async (command: string, form: Form): Promise<void> =>
    readDone(
      command,
      await send('POST', `/${command}`, { form: { json: 'yes', ...form }, plain: true }),
    );
  const select = (name: string, form: Form): Promise<void> =>
    order('CMD_API_SELECT_USERS', { ...form, select0: name });
  return {
    create: (of: Form & { readonly password: string }) => {
      const { password, ...form } = of;
      const secret = { passwd: password, passwd2: password };
      // A welcome message of DirectAdmin would mail the password.
      const fixed = { action: 'create', add: 'Submit', notify: 'no' };
      return order('CMD_API_ACCOUNT_USER', { ...form, ...secret, ...fixed });
    },
    // `suspend` alone turns a suspended user active again; the "do" says which of the two is meant.
    suspend: (name: string) =>
      select(name, { location: 'CMD_SELECT_USERS', suspend: 'Suspend', dosuspend: 'yes' }),
    unsuspend: (name: string) =>
      select(name, { location: 'CMD_SELECT_USERS', suspend: 'Unsuspend', dounsuspend: 'yes' }),
    remove: (name: string) => select(name, { confirmed: 'Confirm', delete: 'yes' }),
    changePackage: (name: string, wanted: string) =>
      order('CMD_API_MODIFY_USER', { action: 'package', user: name, package: wanted }),
    setPassword: (name: string, password: string) =>
      order('CMD_API_USER_PASSWD', { username: name, passwd: password, passwd2: password }),
    /** A link that logs the user in once. No password of the user is needed or known. */
    createLoginUrl: async (name: string, expires: string) => {
      const reply = await send('POST', '/api/login-keys/urls', {
        headers: { authorization: credentials(name) },
        json: { allowNetworks: [], expires },
      });
      return parse('/api/login-keys/urls', reply, loginUrl);
    },
  };
}

function parse<T>(path: string, { json }: RemoteReply, shape: z.ZodType<T>): T {
  const remedy = 'Update DirectAdmin: this extension speaks the JSON API of version 1.64 and later';
  return readShape(shape, json, `DirectAdmin's answer to ${path}`, remedy);
}
