// The panel's routes: who may call them, what they answer, page by page.
// Source: routes/api-application.php and routes/api-client.php of pterodactyl/panel 1.11.

import { nullEmpty } from '../laravel.ts';
import type { VendorReply, VendorRequest } from '../../contract/vendor.ts';
import { check, problem } from './operations.ts';
import type { createOperations } from './operations.ts';
import * as rules from './rules.ts';
import type { createViews, State } from './state.ts';

const NOT_FOUND = 'The requested resource could not be found on the server.';
type Parts = {
  readonly state: State;
  readonly controls: {
    readonly rights: Readonly<Record<string, number>>;
    readonly isClientAdmin: boolean;
    readonly isWingsDown: boolean;
    readonly signals: { server: string; signal: string }[];
  };
  readonly views: ReturnType<typeof createViews>;
  readonly operations: ReturnType<typeof createOperations>;
};
type Match = {
  readonly request: VendorRequest;
  readonly ids: readonly string[];
  readonly includes: readonly string[];
};
type Route = readonly [pattern: RegExp, right: string, run: (match: Match) => VendorReply];

/** Answers a request whose key is known. */
export function createRoutes(parts: Parts) {
  const routes: readonly Route[] = [
    ...serverRoutes(parts),
    ...userRoutes(parts),
    ...placeRoutes(parts),
    ...clientRoutes(parts),
  ];
  return (request: VendorRequest): VendorReply => {
    const line = `${request.method} ${request.path}`;
    const found = routes.find(([pattern]) => pattern.test(line));
    const [pattern, right] = found ?? [];
    if (found === undefined || pattern === undefined || right === undefined) {
      const path = request.path.slice(1);
      throw problem(404, 'NotFoundHttpException', `The route ${path} could not be found.`);
    }
    const needed = request.method === 'GET' ? 1 : 2;
    if (right !== 'client' && ((parts.controls.rights[right] ?? 0) & needed) === 0)
      throw problem(403, 'AuthorizationException', 'This action is unauthorized.');
    const ids = (pattern.exec(line) ?? []).slice(1).map((each) => decodeURIComponent(each ?? ''));
    const includes = (request.query.get('include') ?? '').split(',');
    return found[2]({ request, ids, includes });
  };
}

const ok = (json: unknown, status = 200): VendorReply => ({ status, json });
const noContent: VendorReply = { status: 204 };

function find<T>(items: ReadonlyMap<number, T>, id: string | undefined): T {
  const item = items.get(Number(id));
  if (item === undefined) throw problem(404, 'NotFoundHttpException', NOT_FOUND);
  return item;
}

/** One page, as Laravel's paginator and Fractal show it. */
function page<T>(
  request: VendorRequest,
  items: readonly T[],
  {
    show,
    filters = {},
  }: {
    show: (item: T) => unknown;
    filters?: Readonly<Record<string, (item: T, value: string) => boolean>>;
  },
): VendorReply {
  let left = [...items];
  for (const [name, value] of request.query) {
    const filter = /^filter\[(.+)\]$/.exec(name)?.[1];
    if (filter === undefined) continue;
    const keep = filters[filter];
    if (keep === undefined) {
      const detail = `Requested filter(s) \`${filter}\` are not allowed.`;
      throw problem(400, 'InvalidFilterQuery', detail);
    }
    left = left.filter((item) => keep(item, value));
  }
  const size = Number(request.query.get('per_page') ?? 50);
  const at = Number(request.query.get('page') ?? 1);
  const shown = left.slice((at - 1) * size, at * size);
  const pagination = {
    total: left.length,
    count: shown.length,
    per_page: size,
    current_page: at,
    total_pages: Math.max(1, Math.ceil(left.length / size)),
    links: {},
  };
  return ok({ object: 'list', data: shown.map(show), meta: { pagination } });
}

function serverRoutes({ state, views, operations }: Parts): readonly Route[] {
  const servers = state.servers;
  const show = (id: number, includes: readonly string[]) =>
    views.server(find(servers, String(id)), includes);
  return [
    [
      /^GET \/api\/application\/servers$/,
      'servers',
      ({ request, includes }) =>
        page(request, [...servers.values()], {
          show: ({ id }) => show(id, includes),
          filters: { external_id: (each, value) => (each.external_id ?? '').includes(value) },
        }),
    ],
    [
      /^POST \/api\/application\/servers$/,
      'servers',
      ({ request, includes }) => ok(show(operations.store(nullEmpty(request.json)), includes), 201),
    ],
    [
      /^GET \/api\/application\/servers\/external\/([^/]+)$/,
      'servers',
      ({ ids: [id], includes }) => {
        const server = [...servers.values()].find(({ external_id: each }) => each === id);
        if (server === undefined) throw problem(404, 'NotFoundHttpException', NOT_FOUND);
        return ok(show(server.id, includes));
      },
    ],
    [
      /^GET \/api\/application\/servers\/(\d+)$/,
      'servers',
      ({ ids: [id], includes }) => ok(show(find(servers, id).id, includes)),
    ],
    [
      /^POST \/api\/application\/servers\/(\d+)\/(suspend|unsuspend|reinstall)$/,
      'servers',
      ({ ids: [id, act] }) => {
        operations.act(find(servers, id), act ?? '');
        return noContent;
      },
    ],
    [
      /^PATCH \/api\/application\/servers\/(\d+)\/build$/,
      'servers',
      ({ ids: [id], request, includes }) => {
        operations.build(find(servers, id), nullEmpty(request.json));
        return ok(show(Number(id), includes));
      },
    ],
    [
      /^PATCH \/api\/application\/servers\/(\d+)\/startup$/,
      'servers',
      ({ ids: [id], request, includes }) => {
        operations.startup(find(servers, id), nullEmpty(request.json));
        return ok(show(Number(id), includes));
      },
    ],
    [
      /^DELETE \/api\/application\/servers\/(\d+)(\/force)?$/,
      'servers',
      ({ ids: [id, force] }) => {
        operations.remove(find(servers, id), { isForced: force === '/force' });
        return noContent;
      },
    ],
  ];
}

function userRoutes({ state, views, operations }: Parts): readonly Route[] {
  const like = (text: string, value: string) => text.toLowerCase().includes(value.toLowerCase());
  return [
    [
      /^GET \/api\/application\/users$/,
      'users',
      ({ request }) =>
        page(request, [...state.users.values()], {
          show: views.user,
          // Spatie's QueryBuilder: a filter named by a string is a LIKE '%…%'.
          filters: {
            email: ({ email }, value) => like(email, value),
            username: ({ username }, value) => like(username, value),
          },
        }),
    ],
    [
      /^POST \/api\/application\/users$/,
      'users',
      ({ request }) => ok(views.user(operations.storeUser(nullEmpty(request.json))), 201),
    ],
    [
      /^GET \/api\/application\/users\/(\d+)$/,
      'users',
      ({ ids: [id] }) => ok(views.user(find(state.users, id))),
    ],
    [
      /^PATCH \/api\/application\/users\/(\d+)$/,
      'users',
      ({ ids: [id], request }) =>
        ok(views.user(operations.updateUser(find(state.users, id), nullEmpty(request.json)))),
    ],
  ];
}

function placeRoutes({ state, views, operations }: Parts): readonly Route[] {
  const nodes = new Map(state.nodes.map((each) => [each.id, each]));
  return [
    [
      /^GET \/api\/application\/nodes$/,
      'nodes',
      ({ request }) => page(request, state.nodes, { show: views.node }),
    ],
    [
      /^GET \/api\/application\/nodes\/deployable$/,
      'nodes',
      ({ request }) => {
        const locations = [...request.query].filter(([name]) => /^location_ids\[\d*\]$/.test(name));
        const { memory, disk } = Object.fromEntries(request.query);
        check({ memory, disk, location_ids: locations.map(([, id]) => id) }, rules.DEPLOYABLE);
        const room = {
          memory: Number(memory),
          disk: Number(disk),
          locations: locations.map(([, id]) => Number(id)),
        };
        return page(request, operations.viableNodes(room), { show: views.node });
      },
    ],
    [
      /^GET \/api\/application\/nodes\/(\d+)$/,
      'nodes',
      ({ ids: [id] }) => ok(views.node(find(nodes, id))),
    ],
    [
      /^GET \/api\/application\/nodes\/(\d+)\/allocations$/,
      'allocations',
      ({ ids: [id], request }) => {
        const { id: node } = find(nodes, id);
        const there = [...state.allocations.values()].filter((each) => each.node === node);
        return page(request, there, {
          show: views.allocation,
          filters: {
            server_id: ({ server }, value) =>
              /^[1-9]\d*$/.test(value) ? server === Number(value) : server === null,
          },
        });
      },
    ],
    [
      /^GET \/api\/application\/locations$/,
      'locations',
      ({ request }) =>
        page(request, state.locations, { show: (each) => views.item('location', each) }),
    ],
    [
      /^GET \/api\/application\/nests$/,
      'nests',
      ({ request }) => page(request, state.nests, { show: (each) => views.item('nest', each) }),
    ],
    [
      /^GET \/api\/application\/nests\/(\d+)\/eggs$/,
      'eggs',
      ({ ids: [id], includes }) =>
        // The panel shows all eggs of a nest, without pages.
        ok({
          object: 'list',
          data: state.eggs
            .filter(({ nest }) => nest === Number(id))
            .map((each) => views.egg(each, includes)),
        }),
    ],
    [
      /^GET \/api\/application\/nests\/(\d+)\/eggs\/(\d+)$/,
      'eggs',
      ({ ids: [nest, id], includes }) => {
        const egg = state.eggs.find((each) => each.nest === Number(nest) && each.id === Number(id));
        if (egg === undefined) throw problem(404, 'NotFoundHttpException', NOT_FOUND);
        return ok(views.egg(egg, includes));
      },
    ],
  ];
}

function clientRoutes({ state, controls, views }: Parts): readonly Route[] {
  const reach = (identifier: string | undefined) => {
    const server = [...state.servers.values()].find(({ uuid }) => uuid.slice(0, 8) === identifier);
    if (server === undefined) throw problem(404, 'NotFoundHttpException', NOT_FOUND);
    if (server.status !== null) {
      const detail = 'This server is currently in an unsupported state, please try again later.';
      throw problem(409, 'ServerStateConflictException', detail);
    }
    if (controls.isWingsDown) {
      const detail = 'Could not establish a connection to the machine running this server.';
      throw problem(504, 'DaemonConnectionException', detail);
    }
    return server;
  };
  const resources = {
    memory_bytes: 536_870_912,
    cpu_absolute: 12.5,
    disk_bytes: 1_073_741_824,
    network_rx_bytes: 2048,
    network_tx_bytes: 4096,
    uptime: 60_000,
  };
  return [
    [
      /^GET \/api\/client\/account$/,
      'client',
      () => ok(views.item('user', { id: 1, admin: controls.isClientAdmin, username: 'root' })),
    ],
    [
      /^GET \/api\/client\/servers\/([\w-]+)\/resources$/,
      'client',
      ({ ids: [id] }) => {
        reach(id);
        return ok(
          views.item('stats', { current_state: 'running', is_suspended: false, resources }),
        );
      },
    ],
    [
      /^POST \/api\/client\/servers\/([\w-]+)\/power$/,
      'client',
      ({ ids: [id = ''], request }) => {
        check(request.json, rules.POWER);
        reach(id);
        controls.signals.push({ server: id, signal: request.json.signal });
        return noContent;
      },
    ],
  ];
}
