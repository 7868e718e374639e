// What a Convoy panel holds, and how it shows it; sizes are bytes.
// Source: app/Transformers/Admin and app/Data of ConvoyPanel/panel 4.6.

import type { VendorReply, VendorRequest } from '../../contract/vendor.ts';

/** A server. */
export type FakeServer = {
  readonly internal_id: number;
  readonly uuid: string;
  readonly node_id: number;
  user_id: number;
  readonly vmid: number;
  name: string;
  hostname: string;
  status: string | null;
  cpu: number;
  memory: number;
  disk: number;
  snapshots: number | null;
  backups: number | null;
  bandwidth: number | null;
  bandwidth_usage: number;
  readonly template: string;
  readonly password: string;
  readonly isStarted: boolean;
  /** The chain of jobs that goes on with it. */
  work: 'build' | 'delete' | undefined;
};

/** An account. */
export type FakeUser = {
  readonly id: number;
  name: string;
  email: string;
  password: string;
  root_admin: boolean;
};

/** An address of a pool. */
export type FakeAddress = {
  readonly id: number;
  readonly node: number;
  readonly type: 'ipv4' | 'ipv6';
  readonly address: string;
  server: string | null;
};

const GIB = 1_073_741_824;

/** A template of the first node, one of the second, and one that is hidden. */
export const TEMPLATES = {
  debian: '6f1c2a44-1111-4c7e-9b0a-000000000001',
  windows: '6f1c2a44-1111-4c7e-9b0a-000000000002',
  hidden: '6f1c2a44-1111-4c7e-9b0a-000000000003',
  other: '6f1c2a44-1111-4c7e-9b0a-000000000004',
} as const;

/** All of it. */
export type State = ReturnType<typeof createState>;

/** Two nodes, each with six addresses of both kinds. */
export function createState() {
  const node = (id: number) => ({
    id,
    name: `pve${id}`,
    memory: 64 * GIB,
    memory_overallocate: 0,
    disk: 1000 * GIB,
    disk_overallocate: 0,
  });
  const addresses = new Map<number, FakeAddress>();
  for (const at of [1, 2]) {
    for (let last = 10; last < 16; last += 1) {
      for (const type of ['ipv4', 'ipv6'] as const) {
        const id = addresses.size + 1;
        const address = type === 'ipv4' ? `192.0.${at}.${last}` : `2001:db8:${at}::${last}`;
        addresses.set(id, { id, node: at, type, address, server: null });
      }
    }
  }
  const template = (uuid: string, name: string, hidden = false) => ({ uuid, name, hidden });
  const { debian, windows, hidden, other } = TEMPLATES;
  return {
    servers: new Map<string, FakeServer>(),
    users: new Map<number, FakeUser>(),
    nodes: [node(1), node(2)],
    addresses,
    groups: [
      {
        node: 1,
        name: 'Linux',
        hidden: false,
        templates: [template(debian, 'Debian 13'), template(hidden, 'Old', true)],
      },
      { node: 1, name: 'Windows', hidden: false, templates: [template(windows, 'Windows 2025')] },
      { node: 2, name: 'Linux', hidden: false, templates: [template(other, 'Alma 10')] },
    ],
  };
}

/** What the servers of a node hold. */
export function allocated(state: State, nodeId: number, kind: 'memory' | 'disk'): number {
  return [...state.servers.values()]
    .filter((each) => each.node_id === nodeId)
    .reduce((total, each) => total + each[kind], 0);
}

/** The views of a state. */
export function createViews(state: State) {
  const user = ({ id, name, email, root_admin }: FakeUser) => ({
    id,
    name,
    email,
    email_verified_at: null,
    root_admin,
    servers_count: [...state.servers.values()].filter((each) => each.user_id === id).length,
  });
  const address = ({ id, type, address: text, server }: FakeAddress) => ({
    id,
    address_pool_id: 1,
    server_id: server === null ? null : (state.servers.get(server)?.internal_id ?? 999),
    type,
    address: text,
    cidr: type === 'ipv4' ? 24 : 64,
    gateway: type === 'ipv4' ? '192.0.2.1' : '2001:db8::1',
    mac_address: null,
  });
  const server = (each: FakeServer, isWhole: boolean) => {
    const own = [...state.addresses.values()].filter((one) => one.server === each.uuid);
    const of = (type: string) => own.filter((one) => one.type === type).map(address);
    const owner = state.users.get(each.user_id);
    return {
      id: each.uuid.slice(0, 8),
      internal_id: each.internal_id,
      uuid: each.uuid,
      node_id: each.node_id,
      user_id: each.user_id,
      vmid: each.vmid,
      hostname: each.hostname,
      name: each.name,
      description: null,
      status: each.status,
      usages: { bandwidth: each.bandwidth_usage },
      limits: {
        cpu: each.cpu,
        memory: each.memory,
        disk: each.disk,
        snapshots: each.snapshots,
        backups: each.backups,
        bandwidth: each.bandwidth,
        addresses: { ipv4: of('ipv4'), ipv6: of('ipv6') },
        mac_address: null,
      },
      ...(isWhole && owner !== undefined ? { user: { data: user(owner) } } : {}),
    };
  };
  const node = (each: State['nodes'][number]) => ({
    ...each,
    location_id: 1,
    cluster: 'c',
    memory_allocated: allocated(state, each.id, 'memory'),
    disk_allocated: allocated(state, each.id, 'disk'),
  });
  const group = ({ node: nodeId, name, hidden, templates }: State['groups'][number]) => ({
    id: 1,
    node_id: nodeId,
    name,
    hidden,
    templates: { data: templates.map((each, at) => ({ ...each, id: at + 1, vmid: 9000 + at })) },
  });
  return { user, address, server, node, group };
}

/** One page, as Laravel's paginator and Fractal show it; `most` is the panel's own limit. */
export function pageOf<T>(
  { query }: VendorRequest,
  items: readonly T[],
  { show, most = 100 }: { show: (item: T) => unknown; most?: number },
): VendorReply {
  const size = Math.min(Number(query.get('per_page') ?? 50), most);
  const at = Number(query.get('page') ?? 1);
  const shown = items.slice((at - 1) * size, at * size);
  const pagination = {
    total: items.length,
    count: shown.length,
    per_page: size,
    current_page: at,
    total_pages: Math.max(1, Math.ceil(items.length / size)),
    links: {},
  };
  return { status: 200, json: { data: shown.map(show), meta: { pagination } } };
}
