// A Proxmox VE cluster on loopback: guests with states and locks, tasks that take some looks to end,
// refusals in Proxmox's own shapes. Time is counted in looks at a task, never in milliseconds.

import { startVendor } from '../../contract/vendor.ts';
import type { Vendor, VendorReply, VendorRequest } from '../../contract/vendor.ts';
import { DOCUMENTATION, noteJudged } from '../oracle.ts';
import { HAS_SPEC, loadRequestCheck } from './spec.ts';
import { createTasks, Refusal } from './tasks.ts';
import type { FakeGuest } from './tasks.ts';

/** The token that the fake knows. */
export const TOKEN_ID = 'panel@pve!cofferdam';
export const TOKEN_SECRET = '0b8ae8de-5f3e-4f1c-9e15-2f1f3f0d6c11';

/** One request as the fake got it. */
export type ProxmoxRequest = {
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly authorization: string;
};

/** What a test may change. */
export type FakeProxmox = AsyncDisposable & {
  readonly origin: string;
  readonly port: number;
  /** The server itself, whose answers may be replaced or lost */
  readonly vendor: Vendor;
  readonly requests: readonly ProxmoxRequest[];
  readonly guests: Map<number, FakeGuest>;
  /** Looks that a task of the kinds begun from now on needs before it has ended. */
  taskLooks: number;
  /** How the next task of that kind ends. */
  failNextTask(kind: string, exitstatus: string): void;
  /** Lets every task that runs come to its end. */
  finishTasks(): void;
  /** Whether lists have names of machines that carry no tag: they are some seconds late. */
  showsNames: boolean;
  privileges: string[];
};

/** Starts a cluster of the nodes pve1 and pve2 with a template of each type. */
export async function startFakeProxmox(): Promise<FakeProxmox> {
  const check = loadRequestCheck();
  const requests: ProxmoxRequest[] = [];
  const guests = new Map<number, FakeGuest>();
  const tasks = createTasks(TOKEN_ID, () => fake.taskLooks);

  const add = (guest: FakeGuest): void => void guests.set(guest.vmid, guest);
  add({
    vmid: 9000,
    type: 'qemu',
    node: 'pve1',
    status: 'stopped',
    template: true,
    config: {
      name: 'debian-13',
      boot: 'order=scsi0;net0',
      scsi0: 'local-lvm:base-9000-disk-0,size=3G',
      ide2: 'local-lvm:cloudinit,media=cdrom',
      net0: 'virtio=BC:24:11:00:00:01,bridge=vmbr0',
    },
  });
  add({
    vmid: 9001,
    type: 'lxc',
    node: 'pve1',
    status: 'stopped',
    template: true,
    config: { hostname: 'alpine', rootfs: 'local-lvm:base-9001-disk-0,size=1G' },
  });

  const fake: Omit<FakeProxmox, 'origin' | 'port' | 'vendor' | keyof AsyncDisposable> = {
    requests,
    guests,
    taskLooks: 1,
    showsNames: false,
    privileges: [
      ...['VM.Allocate', 'VM.Audit', 'VM.PowerMgmt', 'VM.Config.Options', 'VM.Config.CPU'],
      ...['VM.Config.Memory', 'VM.Config.Disk', 'VM.Config.Network'],
      ...['Datastore.Audit', 'Datastore.AllocateSpace'],
    ],
    failNextTask: tasks.failNext,
    finishTasks: tasks.finishAll,
  };

  function answer({ method, path: raw, query, body, headers }: VendorRequest): VendorReply {
    const path = decodeURIComponent(raw.replace(/^\/api2\/json/, ''));
    const params = Object.fromEntries([...query, ...new URLSearchParams(body)]);
    const authorization = headers['authorization'] ?? '';
    requests.push({ method, path, params, authorization });
    if (authorization !== `PVEAPIToken=${TOKEN_ID}=${TOKEN_SECRET}`)
      throw new Refusal(401, 'invalid token value!');
    noteJudged('servers/proxmox', HAS_SPEC ? 'proxmox-9.1.3.json' : DOCUMENTATION);
    const problems = check(method, path, params);
    if (Object.keys(problems).length > 0)
      throw new Refusal(400, 'Parameter verification failed.', problems);
    return { status: 200, json: { data: route(method, path, params) ?? null } };
  }

  function route(method: string, path: string, params: Readonly<Record<string, string>>): unknown {
    const guestPath = /^\/nodes\/([^/]+)\/(qemu|lxc)\/(\d+)(\/.*)?$/.exec(path);
    if (guestPath !== null) {
      const [, node = '', type = '', vmid = '', rest = ''] = guestPath;
      return guestRoute(method, rest, { params, guest: find(node, type, Number(vmid)) });
    }
    const create = /^\/nodes\/([^/]+)\/(qemu|lxc)$/.exec(path);
    if (method === 'POST' && create !== null)
      return createGuest(create[1] ?? '', create[2] as 'qemu', params);
    const task = /^\/nodes\/[^/]+\/tasks\/([^/]+)\/status$/.exec(path);
    if (task !== null) return tasks.lookAt(task[1] ?? '');
    const content = /^\/nodes\/[^/]+\/storage\/([^/]+)\/content$/.exec(path);
    if (content !== null) return contentOf(content[1] ?? '', params['content']);
    if (/^\/nodes\/[^/]+\/storage$/.test(path)) return STORAGES;
    if (/^\/nodes\/[^/]+\/network$/.test(path))
      return [
        { iface: 'vmbr0', type: 'bridge' },
        { iface: 'vmbr1', type: 'bridge' },
      ];
    switch (path) {
      case '/version':
        return { version: '9.1.3', release: '9.1', repoid: 'f00' };
      case '/access/permissions':
        return { '/': Object.fromEntries(fake.privileges.map((name) => [name, 1])) };
      case '/nodes':
        return [
          { node: 'pve1', status: 'online' },
          { node: 'pve2', status: 'online' },
          { node: 'pve3', status: 'offline' },
        ];
      case '/pools':
        return [{ poolid: 'customers' }];
      case '/cluster/nextid':
        return String(nextId());
      case '/cluster/resources':
        return [...guests.values()].map(({ vmid, type, node, status, template, config, lock }) => ({
          id: `${type}/${vmid}`,
          type,
          vmid,
          node,
          status,
          template: template ? 1 : 0,
          ...(lock === undefined ? {} : { lock }),
          ...(fake.showsNames || template || config['tags'] !== undefined
            ? { name: config['name'] ?? config['hostname'] }
            : {}),
          ...(config['tags'] === undefined ? {} : { tags: config['tags'] }),
        }));
      default:
        throw new Refusal(501, `Method '${method} ${path}' not implemented`);
    }
  }

  function guestRoute(
    method: string,
    rest: string,
    { params, guest }: { params: Readonly<Record<string, string>>; guest: FakeGuest },
  ): unknown {
    const { vmid, type } = guest;
    const kind = type === 'qemu' ? 'qm' : 'vz';
    const work = (what: string, finish: () => void): string =>
      tasks.begin({ kind: kind + what, guest, finish });
    if (rest === '/status/current') {
      const { status, lock } = guest;
      return {
        status,
        ...(lock === undefined ? {} : { lock }),
        cpu: 0.25,
        mem: 512 * 2 ** 20,
        maxmem: 2 ** 30,
        uptime: 60,
      };
    }
    if (rest === '/config' && method === 'GET') return { ...guest.config, digest: 'd0' };
    if (rest === '/agent/network-get-interfaces') {
      if (guest.status !== 'running') throw new Refusal(500, `VM ${vmid} is not running`);
      return {
        result: [
          {
            name: 'eth0',
            'ip-addresses': [{ 'ip-address': '192.0.2.15', 'ip-address-type': 'ipv4' }],
          },
        ],
      };
    }
    if (rest === '/agent/set-user-password') {
      if (guest.status !== 'running') throw new Refusal(500, `VM ${vmid} is not running`);
      return { result: {} };
    }
    if (guest.lock !== undefined)
      throw new Refusal(500, `${type === 'qemu' ? 'VM' : 'CT'} is locked (${guest.lock})`);
    switch (`${method} ${rest}`) {
      case 'PUT /config':
        Object.assign(guest.config, params);
        return null;
      case 'PUT /resize':
        return work('resize', () => resize(guest, params['disk'] ?? '', params['size'] ?? ''));
      case 'POST /clone':
        return clone(guest, params);
      case 'POST /status/start':
        if (guest.status === 'running')
          throw new Refusal(500, `${type === 'qemu' ? 'VM' : 'CT'} ${vmid} already running`);
        return work('start', () => void (guest.status = 'running'));
      case 'POST /status/stop':
      case 'POST /status/shutdown':
        return work('stop', () => void (guest.status = 'stopped'));
      case 'POST /status/reboot':
        return work('reboot', () => undefined);
      case 'DELETE ':
        if (guest.status === 'running')
          throw new Refusal(500, `VM ${vmid} is running - destroy failed`);
        guest.lock = 'destroy';
        return work('destroy', () => void guests.delete(vmid));
      default:
        throw new Refusal(501, `Method '${method} ${rest}' not implemented`);
    }
  }

  function createGuest(
    node: string,
    type: 'qemu' | 'lxc',
    params: Readonly<Record<string, string>>,
  ): string {
    const { vmid = '', password: _password, ...given } = params;
    const config: Record<string, string> = { ...given };
    const id = Number(vmid);
    assertFree(id);
    for (const [name, value] of Object.entries(config)) {
      const size = /^(?:scsi|virtio|sata|ide)\d+$|^rootfs$/.test(name)
        ? /^([\w-]+):(\d+)$/.exec(value)
        : null;
      if (size !== null) config[name] = `${size[1]}:vm-${id}-disk-0,size=${size[2]}G`;
    }
    // The lock is all that is there until the disks are made.
    const guest: FakeGuest = {
      ...{ vmid: id, type, node, status: 'stopped', template: false, lock: 'create', config: {} },
    };
    add(guest);
    return tasks.begin({
      kind: type === 'qemu' ? 'qmcreate' : 'vzcreate',
      guest,
      finish: () => void (guest.config = config),
      undo: () => void guests.delete(id),
    });
  }

  function clone(template: FakeGuest, params: Readonly<Record<string, string>>): string {
    const id = Number(params['newid']);
    assertFree(id);
    const { boot, scsi0, ide2, net0, rootfs } = template.config;
    const copied = Object.fromEntries(
      Object.entries({ boot, scsi0, ide2, net0, rootfs }).filter(
        ([, value]) => value !== undefined,
      ),
    ) as Record<string, string>;
    const named = {
      description: params['description'] ?? '',
      ...(template.type === 'qemu'
        ? { name: params['name'] ?? '' }
        : { hostname: params['hostname'] ?? '' }),
    };
    const isQemu = template.type === 'qemu';
    // Of a machine nobody can tell whose it is until its disks are copied: neither name nor note.
    const guest: FakeGuest = {
      vmid: id,
      type: template.type,
      node: template.node,
      status: 'stopped',
      template: false,
      lock: isQemu ? 'clone' : 'create',
      config: isQemu ? { description: ' qmclone temporary file\n' } : { ...copied, ...named },
    };
    add(guest);
    return tasks.begin({
      kind: isQemu ? 'qmclone' : 'vzclone',
      guest,
      id: template.vmid,
      finish: () => {
        guest.config = { ...copied, ...named };
        guest.node = params['target'] ?? template.node;
      },
      undo: () => void guests.delete(id),
    });
  }

  function find(node: string, type: string, vmid: number): FakeGuest {
    const guest = guests.get(vmid);
    if (guest !== undefined && guest.node === node && guest.type === type) return guest;
    const folder = type === 'qemu' ? 'qemu-server' : 'lxc';
    throw new Refusal(
      500,
      `Configuration file 'nodes/${node}/${folder}/${vmid}.conf' does not exist`,
    );
  }

  function assertFree(vmid: number): void {
    if (guests.has(vmid))
      throw new Refusal(
        500,
        `unable to create VM ${vmid} - VM ${vmid} already exists on node 'pve1'`,
      );
  }

  function nextId(): number {
    let id = 100;
    while (guests.has(id)) id += 1;
    return id;
  }

  const vendor = await startVendor(answer);
  const { origin, port } = vendor;
  return Object.assign(fake, {
    origin,
    port,
    vendor,
    [Symbol.asyncDispose]: () => vendor[Symbol.asyncDispose](),
  });
}

const STORAGES = [
  { storage: 'local', content: 'iso,vztmpl,backup', active: 1 },
  { storage: 'local-lvm', content: 'images,rootdir', active: 1 },
  { storage: 'nas', content: 'images', active: 0 },
];

function contentOf(storage: string, content: string | undefined): unknown {
  if (storage !== 'local') return [];
  return content === 'iso'
    ? [{ volid: 'local:iso/debian-13.iso' }]
    : [{ volid: 'local:vztmpl/alpine-3.22.tar.xz' }];
}

function resize(guest: FakeGuest, disk: string, size: string): void {
  const now = guest.config[disk];
  if (now === undefined) throw new Refusal(500, `disk '${disk}' does not exist`);
  guest.config[disk] = now.replace(/size=[^,]+/, `size=${size}`);
}
