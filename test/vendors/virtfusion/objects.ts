// What a VirtFusion control server has and how it shows it: customers, servers, systems, pages.

import { Refusal } from '../../contract/vendor.ts';
import type { VendorReply } from '../../contract/vendor.ts';

/** A customer of the fake. */
export type FakeUser = {
  readonly id: number;
  readonly email: string;
  readonly name: string;
  extRelationId: number | null;
  relStr: string | null;
  admin: boolean;
};

/** A server of the fake. */
export type FakeServer = {
  readonly id: number;
  readonly ownerId: number;
  packageId: number;
  readonly groupId: number;
  readonly ipv4: number;
  memory: number;
  storage: number;
  name: string;
  hostname: string | null;
  osId: number;
  sshKeys: readonly number[];
  built: string | null;
  buildFailed: boolean;
  suspended: boolean;
  protected: boolean;
  state: string;
  password: string;
  /** Looks until the queue has finished, and what it does then */
  looks: number;
  finish: () => void;
  mails: number;
};

/** The systems of every package. */
export const TEMPLATES = [
  {
    id: 1,
    name: 'Linux',
    description: '',
    icon: 'linux.png',
    templates: [
      { id: 31, name: 'Debian', version: '13', variant: 'Minimal', type: 'linux', eol: false },
      { id: 32, name: 'Ubuntu', version: '26.04', variant: '', type: 'linux', eol: false },
    ],
  },
  {
    id: 2,
    name: 'Windows',
    description: '',
    icon: 'windows.png',
    templates: [
      { id: 41, name: 'Windows Server', version: '2025', variant: 'Standard', type: 'windows' },
    ],
  },
];

/** A server as the API shows it. */
export function showServer(server: FakeServer, owner: FakeUser | undefined): unknown {
  const { id, ownerId, name, hostname, state, suspended, built, buildFailed } = server;
  return {
    id,
    ownerId,
    name,
    hostname,
    state,
    suspended,
    protected: server.protected,
    built,
    buildFailed,
    owner,
    settings: { resources: { memory: server.memory, storage: server.storage } },
    network: {
      interfaces: [
        { id: 1, ipv4: [{ address: '192.0.2.15' }], ipv6: [{ subnet: '2001:db8:7::', cidr: 64 }] },
      ],
    },
    tasks: { active: server.looks > 0, lastOn: '', actions: { pending: [] } },
  };
}

/** Months of traffic, in no particular order. */
export const TRAFFIC = [
  { month: 10, start: '2026-10-01', end: '2026-10-31', rx: 1, tx: 1, total: 2, limit: 9 },
  {
    month: 11,
    start: '2026-11-01',
    end: '2026-11-30',
    rx: 1_073_741_824,
    tx: 536_870_912,
    total: 1_610_612_736,
    limit: 10_737_418_240,
  },
];

/** 200 with JSON. */
export const ok = (json: unknown): VendorReply => ({ status: 200, json });
/** Laravel's answer for what is not there. */
export const notFound = (): Refusal => new Refusal(404, { message: 'Not found' });

/** A page in Laravel's shape. */
export function pageOf(items: readonly unknown[], query: URLSearchParams): unknown {
  const size = Number(query.get('results') ?? 20);
  const page = Number(query.get('page') ?? 1);
  return {
    current_page: page,
    data: items.slice((page - 1) * size, page * size),
    last_page: Math.max(1, Math.ceil(items.length / size)),
    per_page: size,
    total: items.length,
  };
}
