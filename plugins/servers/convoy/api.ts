// The Convoy panel's Application API, replies parsed, refusals told apart.
// Source: ConvoyPanel/panel 4.6, routes/api-application.php and app/Http/Requests/Admin.

import { createRemote, orAbsent, originOf, readPages, readShape, z } from 'cofferdam/sdk';
import type { Explanation, RemoteReply } from 'cofferdam/sdk';

import type { ConvoyContext } from './config.ts';
import * as shapes from './shapes.ts';

/** Objects asked for at a time: the most that the panel gives. */
const PAGE_ITEMS = 100;
/** Pages read of one list; more than 50,000 objects are refused, not cut off. */
const PAGES_MAX = 500;

type Query = Readonly<Record<string, string | number | undefined>>;
type Send = (
  method: string,
  path: string,
  options?: { readonly query?: Query; readonly json?: unknown },
) => Promise<RemoteReply>;

const refusal = z.looseObject({
  message: z.string().default(''),
  errors: z.record(z.string(), z.array(z.string())).optional(),
});

function explain(reply: RemoteReply): Explanation {
  const parsed = refusal.safeParse(reply.json);
  if (!parsed.success) return reply.status === 404 ? { code: 'invalid_response' } : {};
  const fields = Object.entries(parsed.data.errors ?? {}).map(
    ([field, problems]) => `${field}: ${problems.join(' ')}`,
  );
  const message = fields.length > 0 ? fields.join('; ') : parsed.data.message;
  const code = codeOf(reply.status, message);
  return { message, ...code };
}

/** The panel's words tell apart what its statuses do not. */
function codeOf(status: number, message: string): Explanation {
  if (/currently in use|already in use|already been taken/.test(message))
    return { code: 'conflict' };
  if (/exceeds the node's limit/.test(message)) {
    return {
      code: 'capacity',
      remedy: 'Choose another node in the product, or make room on this one',
    };
  }
  // Any other 404 says that this is not the API, not that the server is gone.
  if (status === 404 && !/^(?:No query results for model|Server not found)/.test(message))
    return { code: 'invalid_response' };
  if (status === 409) return { code: 'locked', remedy: 'Wait until the server is at rest' };
  return {};
}

/** The API of one panel. */
export type Convoy = ReturnType<typeof connect>;

/** Connects with the config of the instance; nothing is sent yet. */
export function connect(ctx: ConvoyContext) {
  const remote = createRemote({
    name: 'Convoy',
    fetch: ctx.fetch,
    baseUrl: `${originOf(ctx.config)}/api/application`,
    headers: { authorization: `Bearer ${ctx.config.apiKey}` },
    explain,
  });
  const send: Send = (method, path, options = {}) =>
    remote.request(method, path, { ...options, signal: ctx.call.signal });
  return { ...serversOf(send), ...usersOf(send), ...nodesOf(send) };
}

const at = (uuid: string): string => `/servers/${encodeURIComponent(uuid)}`;
/** With a server comes its owner. */
const WHOLE = { include: 'user' };

function serversOf(send: Send) {
  return {
    /** Shows that the key is good; returns nothing. */
    probe: () => send('GET', '/servers', { query: { per_page: 1 } }),
    server: (uuid: string) =>
      orAbsent(async () => one(shapes.server, await send('GET', at(uuid), { query: WHOLE }))),
    servers: () => all(shapes.server, send, '/servers', WHOLE),
    /** The panel matches any part of a name, so the caller gets those that end in it. */
    serversNamed: async (ending: string) =>
      (await all(shapes.server, send, '/servers', { ...WHOLE, 'filter[name]': ending })).filter(
        ({ name }) => name.endsWith(ending),
      ),
    createServer: async (json: unknown) =>
      one(shapes.server, await send('POST', '/servers', { json })),
    updateBuild: async (uuid: string, json: unknown) =>
      one(shapes.server, await send('PATCH', `${at(uuid)}/settings/build`, { json })),
    suspend: (uuid: string) => send('POST', `${at(uuid)}/settings/suspend`),
    unsuspend: (uuid: string) => send('POST', `${at(uuid)}/settings/unsuspend`),
    /** Takes a failed deletion back, so that the panel lets it be tried again. */
    clearStatus: (uuid: string) => send('PATCH', at(uuid), { json: { status: null } }),
    remove: (uuid: string) => orAbsent(() => send('DELETE', at(uuid))),
    /** Takes it off the panel and leaves the machine at Proxmox. */
    removeByForce: (uuid: string) =>
      orAbsent(() => send('DELETE', at(uuid), { query: { no_purge: 1 } })),
  };
}

function usersOf(send: Send) {
  return {
    userByEmail: async (email: string) =>
      (await all(shapes.user, send, '/users', { 'filter[email]': email })).find(
        (each) => each.email.toLowerCase() === email.toLowerCase(),
      ),
    user: async (id: number) => one(shapes.user, await send('GET', `/users/${id}`)),
    createUser: async (json: unknown) => one(shapes.user, await send('POST', '/users', { json })),
    updateUser: (id: number, json: unknown) => send('PATCH', `/users/${id}`, { json }),
    removeUser: (id: number) => orAbsent(() => send('DELETE', `/users/${id}`)),
    /** Good for 15 seconds. */
    loginToken: async (id: number) => {
      const reply = await send('POST', `/users/${id}/generate-sso-token`);
      return one(z.looseObject({ token: z.string().min(1) }), reply).token;
    },
  };
}

function nodesOf(send: Send) {
  return {
    nodes: () => all(shapes.node, send, '/nodes'),
    node: (id: number) => orAbsent(async () => one(shapes.node, await send('GET', `/nodes/${id}`))),
    /** Of every group, hidden ones too; undefined when there is no such node. */
    templateGroups: (nodeId: number) =>
      orAbsent(async () => {
        const reply = await send('GET', `/nodes/${nodeId}/template-groups`);
        return readShape(listOf(shapes.templateGroup), reply.json, 'Convoy’s list of templates')
          .data;
      }),
    freeAddresses: (nodeId: number, type: 'ipv4' | 'ipv6') =>
      all(shapes.address, send, `/nodes/${nodeId}/addresses`, {
        'filter[server_id]': '',
        'filter[type]': type,
      }),
  };
}

const listOf = <T>(shape: z.ZodType<T>) => z.looseObject({ data: z.array(shape) });
const pages = z.looseObject({
  meta: z
    .looseObject({ pagination: z.looseObject({ total_pages: z.number() }).optional() })
    .optional(),
});

/** All objects of a list, page after page. */
async function all<T>(
  shape: z.ZodType<T>,
  send: Send,
  path: string,
  query: Query = {},
): Promise<T[]> {
  const what = `Convoy’s answer to GET ${path}`;
  return await readPages({ what: `Convoy: ${path}`, pagesMax: PAGES_MAX }, async (page) => {
    const { json } = await send('GET', path, { query: { ...query, per_page: PAGE_ITEMS, page } });
    const { data } = readShape(listOf(shape), json, what);
    const { meta } = readShape(pages, json, what);
    return { items: data, isLast: (meta?.pagination?.total_pages ?? 1) <= page };
  });
}

function one<T>(shape: z.ZodType<T>, reply: RemoteReply): T {
  return readShape(z.looseObject({ data: shape }), reply.json, 'Convoy’s answer').data;
}
