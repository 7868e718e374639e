// What a Pterodactyl panel holds, and how it shows it. Source: app/Transformers/Api/Application of
// pterodactyl/panel 1.11; relationships stand inside the attributes, as its serializer puts them.

import { randomUUID } from 'node:crypto';

/** A game server. */
export type FakeServer = {
  readonly id: number;
  readonly uuid: string;
  external_id: string | null;
  name: string;
  status: string | null;
  user: number;
  node: number;
  allocation: number;
  egg: number;
  startup: string;
  image: string;
  skip_scripts: boolean;
  limits: Record<string, unknown>;
  oom_disabled: boolean;
  feature_limits: Record<string, unknown>;
  environment: Record<string, string | null>;
};

/** An account. */
export type FakeUser = {
  readonly id: number;
  email: string;
  username: string;
  first_name: string;
  last_name: string;
  root_admin: boolean;
  password?: string;
};

/** A node; memory and disk in MiB. */
export type FakeNode = {
  readonly id: number;
  readonly name: string;
  readonly location_id: number;
  readonly public: boolean;
  memory: number;
  memory_overallocate: number;
  disk: number;
  disk_overallocate: number;
};

/** An address and port of a node. */
export type FakeAllocation = {
  readonly id: number;
  readonly node: number;
  readonly ip: string;
  readonly port: number;
  server: number | null;
};

type Variable = { name: string; env_variable: string; default_value: string; rules: string };

/** An egg. */
export type FakeEgg = {
  readonly id: number;
  readonly nest: number;
  readonly name: string;
  readonly startup: string;
  readonly docker_images: Readonly<Record<string, string>>;
  readonly variables: readonly Variable[];
};

/** All of it. */
export type State = ReturnType<typeof createState>;

/** Two locations, three nodes, six ports each on two addresses, two eggs. */
export function createState() {
  const node = (id: number, location_id: number, more: Partial<FakeNode> = {}): FakeNode => ({
    id,
    name: `node-${id}`,
    location_id,
    public: true,
    memory: 65_536,
    memory_overallocate: 0,
    disk: 1_000_000,
    disk_overallocate: 0,
    ...more,
  });
  const nodes = [node(1, 1), node(2, 2), node(3, 1, { public: false })];
  const allocations = new Map<number, FakeAllocation>();
  for (const { id: at } of nodes) {
    for (const ip of [`192.0.2.${at}`, `198.51.100.${at}`]) {
      for (let port = 25_565; port < 25_571; port += 1) {
        const id = allocations.size + 1;
        allocations.set(id, { id, node: at, ip, port, server: null });
      }
    }
  }
  return {
    servers: new Map<number, FakeServer>(),
    users: new Map<number, FakeUser>(),
    nodes,
    allocations,
    locations: [
      { id: 1, short: 'fra', long: 'Frankfurt' },
      { id: 2, short: 'nyc', long: null },
    ],
    nests: [
      { id: 1, name: 'Minecraft' },
      { id: 2, name: 'Source' },
    ],
    eggs: EGGS,
  };
}

const EGGS: readonly FakeEgg[] = [
  {
    id: 5,
    nest: 1,
    name: 'Paper',
    startup: 'java -jar {{SERVER_JARFILE}}',
    docker_images: {
      'Java 21': 'ghcr.io/pterodactyl/yolks:java_21',
      'Java 17': 'ghcr.io/pterodactyl/yolks:java_17',
    },
    variables: [
      {
        name: 'Version',
        env_variable: 'MINECRAFT_VERSION',
        default_value: 'latest',
        rules: 'nullable|string|max:20',
      },
      {
        name: 'Jar',
        env_variable: 'SERVER_JARFILE',
        default_value: 'server.jar',
        rules: 'required|regex:/^([\\w\\d._-]+)(\\.jar)$/',
      },
      {
        name: 'Players',
        env_variable: 'MAX_PLAYERS',
        default_value: '20',
        rules: 'required|integer|between:1,100',
      },
      {
        name: 'Query port',
        env_variable: 'QUERY_PORT',
        default_value: '',
        rules: 'nullable|integer|between:1024,65535',
      },
      {
        name: 'RCON port',
        env_variable: 'RCON_PORT',
        default_value: '',
        rules: 'nullable|integer|between:1024,65535',
      },
    ],
  },
  {
    id: 6,
    nest: 2,
    name: 'Ark',
    startup: './ark {{MAP}}',
    docker_images: { Debian: 'ghcr.io/pterodactyl/games:source' },
    variables: [
      {
        name: 'Map',
        env_variable: 'MAP',
        default_value: 'Island',
        rules: 'required|in:Island,Ragnarok',
      },
      { name: 'Mods', env_variable: 'MODS', default_value: '0', rules: 'required|boolean' },
      { name: 'Key', env_variable: 'LICENSE', default_value: '', rules: 'required|string|max:40' },
    ],
  },
];

const TIME = '2026-11-01T12:00:00+00:00';
const item = (object: string, attributes: unknown) => ({ object, attributes });

/** The views of a state; `mayRead` answers by the panel's name of the resource. */
export function createViews(state: State, mayRead: (resource: string) => boolean) {
  const nothing = { object: 'null_resource', attributes: null };
  const list = (items: unknown[]) => ({ object: 'list', data: items });

  const user = ({ password: _password, ...each }: FakeUser) =>
    item('user', { ...each, uuid: randomUUID(), external_id: null, language: 'en', '2fa': false });

  const allocation = ({ id, ip, port, server }: FakeAllocation) =>
    item('allocation', { id, ip, alias: ip, port, notes: null, assigned: server !== null });

  const server = (each: FakeServer, includes: readonly string[]) => {
    const owner = state.users.get(each.user);
    const own = [...state.allocations.values()].filter((one) => one.server === each.id);
    const relationships = {
      ...(includes.includes('allocations')
        ? { allocations: mayRead('allocations') ? list(own.map(allocation)) : nothing }
        : {}),
      ...(includes.includes('user')
        ? { user: mayRead('users') && owner !== undefined ? user(owner) : nothing }
        : {}),
    };
    return item('server', {
      id: each.id,
      external_id: each.external_id,
      uuid: each.uuid,
      identifier: each.uuid.slice(0, 8),
      name: each.name,
      description: '',
      status: each.status,
      suspended: each.status === 'suspended',
      limits: { ...each.limits, oom_disabled: each.oom_disabled },
      feature_limits: each.feature_limits,
      user: each.user,
      node: each.node,
      allocation: each.allocation,
      nest: state.eggs.find(({ id }) => id === each.egg)?.nest,
      egg: each.egg,
      container: {
        startup_command: each.startup,
        image: each.image,
        installed: each.status === 'installing' ? 0 : 1,
        environment: {
          ...each.environment,
          STARTUP: each.startup,
          P_SERVER_LOCATION: 'fra',
          P_SERVER_UUID: each.uuid,
        },
      },
      created_at: TIME,
      updated_at: TIME,
      ...(Object.keys(relationships).length === 0 ? {} : { relationships }),
    });
  };

  const node = (each: FakeNode) => {
    const there = [...state.servers.values()].filter((one) => one.node === each.id);
    const sum = (kind: string) =>
      there.reduce((total, { limits }) => total + Number(limits[kind] ?? 0), 0);
    return item('node', {
      ...each,
      scheme: 'https',
      maintenance_mode: false,
      allocated_resources: { memory: sum('memory'), disk: sum('disk') },
    });
  };

  const egg = ({ variables, ...each }: FakeEgg, includes: readonly string[]) =>
    item('egg', {
      ...each,
      uuid: randomUUID(),
      author: 'support@pterodactyl.io',
      docker_image: Object.values(each.docker_images)[0] ?? '',
      ...(includes.includes('variables')
        ? {
            relationships: {
              variables: mayRead('eggs')
                ? list(
                    variables.map((one, at) =>
                      item('egg_variable', {
                        ...one,
                        id: at + 1,
                        egg_id: each.id,
                        description: '',
                        user_viewable: true,
                        user_editable: true,
                      }),
                    ),
                  )
                : nothing,
            },
          }
        : {}),
    });

  return { user, allocation, server, node, egg, item };
}
