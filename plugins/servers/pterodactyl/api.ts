// The Pterodactyl panel's Application API (and three calls of its Client API), replies parsed.
// Source: pterodactyl/panel 1.11, routes/api-application.php, routes/api-client.php and their requests.

import {
  createRemote,
  isFailure,
  orAbsent,
  originOf,
  readPages,
  readShape,
  z,
} from 'cofferdam/sdk';
import type { RemoteReply } from 'cofferdam/sdk';

import type { PterodactylContext } from './config.ts';
import { explain } from './refusals.ts';
import * as shapes from './shapes.ts';

/** Objects asked for at a time; the panel's own default is 50. */
const PAGE_ITEMS = 100;
/** Pages read of one list; more than 20,000 objects are refused, not cut off. */
const PAGES_MAX = 200;

type Query = Readonly<Record<string, string | number | undefined>>;
type Options = { readonly query?: Query; readonly json?: unknown };
type Send = (method: string, path: string, options?: Options) => Promise<RemoteReply>;

/** The API of one panel. */
export type Pterodactyl = ReturnType<typeof connect>;

/** Connects with the config of the instance; nothing is sent yet. */
export function connect({ config, fetch, call }: PterodactylContext) {
  const connectAs = (key: string, base: string): Send => {
    const remote = createRemote({
      name: 'Pterodactyl',
      fetch,
      baseUrl: originOf(config) + base,
      headers: { authorization: `Bearer ${key}` },
      explain,
    });
    return (method, path, options = {}) =>
      remote.request(method, path, { ...options, signal: call.signal });
  };
  const send = connectAs(config.apiKey, '/api/application');
  const { clientKey } = config;
  return {
    ...serversOf(send),
    ...usersOf(send),
    ...placesOf(send),
    client: clientKey === undefined ? undefined : clientOf(connectAs(clientKey, '/api/client')),
  };
}

/** With a server come its addresses and its owner. */
const WHOLE = { include: 'allocations,user' };

function serversOf(send: Send) {
  return {
    serverByExternalId: (externalId: string) =>
      orAbsent(async () => {
        const path = `/servers/external/${encodeURIComponent(externalId)}`;
        return one(shapes.server, await send('GET', path, { query: WHOLE }));
      }),
    server: (id: number) =>
      orAbsent(async () =>
        one(shapes.server, await send('GET', `/servers/${id}`, { query: WHOLE })),
      ),
    servers: () => all(shapes.server, send, '/servers', { include: 'user', sort: 'id' }),
    createServer: async (json: unknown) =>
      one(shapes.server, await send('POST', '/servers', { json, query: WHOLE })),
    suspend: (id: number) => send('POST', `/servers/${id}/suspend`),
    unsuspend: (id: number) => send('POST', `/servers/${id}/unsuspend`),
    reinstall: (id: number) => send('POST', `/servers/${id}/reinstall`),
    remove: (id: number) => orAbsent(() => send('DELETE', `/servers/${id}`)),
    /** Takes it off the panel even when its node does not answer. */
    removeByForce: (id: number) => orAbsent(() => send('DELETE', `/servers/${id}/force`)),
    updateBuild: (id: number, json: unknown) => send('PATCH', `/servers/${id}/build`, { json }),
    updateStartup: (id: number, json: unknown) => send('PATCH', `/servers/${id}/startup`, { json }),
    /** The first objects of a list; undefined when the key may not read it. */
    peek: async (path: string) => {
      try {
        return list(shapes.named.partial(), await send('GET', path, { query: { per_page: 1 } }));
      } catch (error) {
        if (isFailure(error, 'forbidden')) return undefined;
        throw error;
      }
    },
  };
}

function usersOf(send: Send) {
  return {
    user: async (id: number) => one(shapes.user, await send('GET', `/users/${id}`)),
    /** The panel matches any part of an address, so the caller gets exact ones only. */
    usersByEmail: async (email: string) =>
      (await all(shapes.user, send, '/users', { 'filter[email]': email })).filter(
        (each) => each.email.toLowerCase() === email.toLowerCase(),
      ),
    createUser: async (json: unknown) => one(shapes.user, await send('POST', '/users', { json })),
    updateUser: (id: number, json: unknown) => send('PATCH', `/users/${id}`, { json }),
  };
}

function placesOf(send: Send) {
  return {
    nodes: () => all(shapes.node, send, '/nodes', { sort: 'id' }),
    node: (id: number) => orAbsent(async () => one(shapes.node, await send('GET', `/nodes/${id}`))),
    /** Public nodes with that much room, MiB. @throws {ExtensionFailure} `capacity` when there is none */
    deployableNodes: (room: { memory: number; disk: number; locationIds: readonly number[] }) =>
      all(shapes.node, send, '/nodes/deployable', {
        memory: room.memory,
        disk: room.disk,
        ...Object.fromEntries(room.locationIds.map((id, at) => [`location_ids[${at}]`, id])),
      }),
    allocations: (nodeId: number, query: Query = {}) =>
      all(shapes.allocation, send, `/nodes/${nodeId}/allocations`, query),
    locations: () => all(shapes.location, send, '/locations'),
    nests: () => all(shapes.named, send, '/nests'),
    eggs: (nestId: number) => orAbsent(() => all(shapes.named, send, `/nests/${nestId}/eggs`)),
    egg: (nestId: number, eggId: number) =>
      orAbsent(async () => {
        const query = { include: 'variables' };
        return one(shapes.egg, await send('GET', `/nests/${nestId}/eggs/${eggId}`, { query }));
      }),
  };
}

function clientOf(send: Send) {
  return {
    isAdmin: async () => {
      const reply = await send('GET', '/account');
      return one(z.looseObject({ admin: z.boolean() }), reply).admin;
    },
    stats: async (identifier: string) =>
      one(shapes.stats, await send('GET', `/servers/${encodeURIComponent(identifier)}/resources`)),
    power: (identifier: string, signal: 'start' | 'stop' | 'restart' | 'kill') =>
      send('POST', `/servers/${encodeURIComponent(identifier)}/power`, { json: { signal } }),
  };
}

const pagination = z.looseObject({
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
  return await readPages({ what: `Pterodactyl: ${path}`, pagesMax: PAGES_MAX }, async (page) => {
    const reply = await send('GET', path, { query: { per_page: PAGE_ITEMS, ...query, page } });
    const { meta } = parse(pagination, reply);
    return { items: list(shape, reply), isLast: (meta?.pagination?.total_pages ?? 1) <= page };
  });
}

function list<T>(shape: z.ZodType<T>, reply: RemoteReply): T[] {
  const body = z.object({ data: z.array(z.object({ attributes: shape })) });
  return parse(body, reply).data.map(({ attributes }) => attributes);
}

function one<T>(shape: z.ZodType<T>, reply: RemoteReply): T {
  return parse(z.object({ attributes: shape }), reply).attributes;
}

function parse<T>(shape: z.ZodType<T>, { json }: RemoteReply): T {
  const remedy = 'Check that the address is a Pterodactyl panel of version 1.11 or later';
  return readShape(shape, json, 'Pterodactyl’s answer', remedy);
}
