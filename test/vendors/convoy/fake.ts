// A Convoy panel on loopback: its routes, its rules, its refusals, and jobs that end when a test says so.
// It must never stand in for anything but the panel. Source: routes/api-application.php of 4.6.

import { startVendor } from '../../contract/vendor.ts';
import type { Vendor, VendorReply, VendorRequest } from '../../contract/vendor.ts';
import { nullEmpty } from '../laravel.ts';
import { noteJudged, SOURCE } from '../oracle.ts';
import { createOperations, problem } from './operations.ts';
import type { Controls } from './operations.ts';
import { createState, createViews, pageOf } from './state.ts';
import type { FakeServer, State } from './state.ts';

/** The key that the fake knows. */
export const API_KEY = '3|kT9vQ2mXcB7wLzR4nHs8YpJd6FgA1uEoV5iKxCb0';

/** What a test may change. */
export type FakeConvoy = Vendor &
  State &
  Controls & {
    /** Lets all builds and deletions end. */
    finishJobs(options?: { readonly isFailed?: boolean }): void;
    /** Tokens given out, with the account each opens. */
    readonly tokens: Map<string, number>;
  };

type Parts = {
  readonly state: State;
  readonly views: ReturnType<typeof createViews>;
  readonly operations: ReturnType<typeof createOperations>;
  readonly tokens: Map<string, number>;
};
type Match = { readonly request: VendorRequest; readonly ids: readonly string[] };
type Route = readonly [pattern: RegExp, run: (match: Match) => VendorReply];

/** Starts a panel; see `createState` for what it has. */
export async function startFakeConvoy(): Promise<FakeConvoy> {
  const state = createState();
  const controls: Controls = { isProxmoxDown: false, afterCheck: undefined };
  const operations = createOperations(state, controls);
  const tokens = new Map<string, number>();
  const parts = { state, views: createViews(state), operations, tokens };
  const routes = [...serverRoutes(parts), ...userRoutes(parts), ...nodeRoutes(parts)];
  const vendor = await startVendor((request) => {
    if (request.headers['authorization'] !== `Bearer ${API_KEY}`)
      throw problem(401, 'Unauthenticated.');
    noteJudged('servers/convoy', SOURCE);
    const line = `${request.method} ${request.path.replace(/^\/api\/application/, '')}`;
    for (const [pattern, run] of routes) {
      const found = pattern.exec(line);
      if (found !== null) return run({ request, ids: found.slice(1).map((each) => each ?? '') });
    }
    throw problem(404, `The route ${request.path.slice(1)} could not be found.`);
  });
  return Object.assign(controls, vendor, state, {
    finishJobs: ({ isFailed = false } = {}) => operations.finish({ isFailed }),
    tokens,
  });
}

const ok = (data: unknown): VendorReply => ({ status: 200, json: { data } });
const noContent: VendorReply = { status: 204 };

function find<Key, T>(items: ReadonlyMap<Key, T>, key: Key, model: string): T {
  const item = items.get(key);
  if (item !== undefined) return item;
  throw problem(404, `No query results for model [Convoy\\Models\\${model}].`);
}

function filterOf(
  { query }: VendorRequest,
  allowed: readonly string[],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of query) {
    const filter = /^filter\[(.+)\]$/.exec(name)?.[1];
    if (filter === undefined) continue;
    if (!allowed.includes(filter))
      throw problem(400, `Requested filter(s) \`${filter}\` are not allowed.`);
    found.set(filter, value);
  }
  return found;
}

function serverRoutes({ state, views, operations }: Parts): readonly Route[] {
  const { servers } = state;
  const at = (id: string) =>
    id.length === 8
      ? find(
          new Map([...servers.values()].map((each) => [each.uuid.slice(0, 8), each])),
          id,
          'Server',
        )
      : find(servers, id, 'Server');
  const staying = (id: string): FakeServer => {
    const server = at(id);
    operations.requireStaying(server);
    return server;
  };
  return [
    [
      /^GET \/servers$/,
      ({ request }) => {
        const filters = filterOf(request, ['*', 'address_pool_id', 'node_id', 'user_id', 'name']);
        const name = (filters.get('name') ?? '').toLowerCase();
        const isWhole = request.query.get('include') === 'user';
        const found = [...servers.values()]
          .filter((each) => each.name.toLowerCase().includes(name))
          .toSorted((a, b) => b.internal_id - a.internal_id);
        return pageOf(request, found, { show: (each) => views.server(each, isWhole) });
      },
    ],
    [
      /^POST \/servers$/,
      ({ request }) => ok(views.server(operations.store(nullEmpty(request.json)), true)),
    ],
    [
      /^GET \/servers\/([\w-]+)$/,
      ({ ids: [id = ''], request }) =>
        ok(views.server(at(id), request.query.get('include') === 'user')),
    ],
    [
      /^PATCH \/servers\/([\w-]+)$/,
      ({ ids: [id = ''], request }) => {
        operations.info(at(id), nullEmpty(request.json));
        return ok(views.server(at(id), true));
      },
    ],
    [
      /^PATCH \/servers\/([\w-]+)\/settings\/build$/,
      ({ ids: [id = ''], request }) => {
        operations.build(staying(id), nullEmpty(request.json));
        return ok(views.server(at(id), true));
      },
    ],
    [
      /^POST \/servers\/([\w-]+)\/settings\/(suspend|unsuspend)$/,
      ({ ids: [id = '', act] }) => {
        operations.toggle(staying(id), act === 'suspend');
        return noContent;
      },
    ],
    [
      /^DELETE \/servers\/([\w-]+)$/,
      ({ ids: [id = ''], request }) => {
        operations.remove(staying(id), { isPurged: request.query.get('no_purge') !== '1' });
        return noContent;
      },
    ],
  ];
}

function userRoutes({ state, views, operations, tokens }: Parts): readonly Route[] {
  const at = (id: string | undefined) => find(state.users, Number(id), 'User');
  return [
    [
      /^GET \/users$/,
      ({ request }) => {
        const email = filterOf(request, ['id', 'name', 'email', '*']).get('email');
        // Exact, but MySQL's collation does not tell letters' case apart.
        const found = [...state.users.values()].filter(
          (each) => email === undefined || each.email.toLowerCase() === email.toLowerCase(),
        );
        return pageOf(request, found, { show: views.user });
      },
    ],
    [
      /^POST \/users$/,
      ({ request }) => ok(views.user(operations.storeUser(nullEmpty(request.json)))),
    ],
    [/^GET \/users\/(\d+)$/, ({ ids: [id] }) => ok(views.user(at(id)))],
    [
      /^PATCH \/users\/(\d+)$/,
      ({ ids: [id], request }) => {
        operations.updateUser(at(id), nullEmpty(request.json));
        return ok(views.user(at(id)));
      },
    ],
    [
      /^DELETE \/users\/(\d+)$/,
      ({ ids: [id] }) => {
        operations.removeUser(at(id));
        return noContent;
      },
    ],
    [
      /^POST \/users\/(\d+)\/generate-sso-token$/,
      ({ ids: [id] }) => {
        const token = `eyJ0eXAi.${tokens.size + 1}.c2ln+/=`;
        tokens.set(token, at(id).id);
        return ok({ user_id: Number(id), token });
      },
    ],
  ];
}

function nodeRoutes({ state, views }: Parts): readonly Route[] {
  const at = (id: string | undefined) =>
    find(new Map(state.nodes.map((each) => [each.id, each])), Number(id), 'Node');
  return [
    [/^GET \/nodes$/, ({ request }) => pageOf(request, state.nodes, { show: views.node })],
    [/^GET \/nodes\/(\d+)$/, ({ ids: [id] }) => ok(views.node(at(id)))],
    [
      /^GET \/nodes\/(\d+)\/template-groups$/,
      ({ ids: [id] }) => {
        const { id: node } = at(id);
        return ok(state.groups.filter((each) => each.node === node).map(views.group));
      },
    ],
    [
      /^GET \/nodes\/(\d+)\/addresses$/,
      ({ ids: [id], request }) => {
        const { id: node } = at(id);
        const filters = filterOf(request, ['address', 'type', '*', 'server_id']);
        const [type, server] = [filters.get('type'), filters.get('server_id')];
        const found = [...state.addresses.values()].filter(
          (each) =>
            each.node === node &&
            (type === undefined || each.type === type) &&
            (server === undefined || each.server === (server === '' ? null : server)),
        );
        return pageOf(request, found, { show: views.address, most: 999_999 });
      },
    ],
  ];
}
