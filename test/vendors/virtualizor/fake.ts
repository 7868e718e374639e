// A Virtualizor master on loopback: customers, plans, servers that are built by tasks, answers of status
// 200 with an `error` in them. Time is counted in looks at a task, never in milliseconds.

import { startVendor } from '../../contract/vendor.ts';
import type { Vendor, VendorReply, VendorRequest } from '../../contract/vendor.ts';
import { DOCUMENTATION, noteJudged } from '../oracle.ts';
import { checkRequest } from './rules.ts';

/** The key pair that the fake knows. */
export const API_KEY = 'YF8HbVq2mEJx5k7Zt1nP9sRw3uLd6cGa';
/** Has characters that must be encoded in an address. */
export const API_PASSWORD = 'q&7=Rk+4 mW%2Fx#Zt9';

/** What the customers' port is called in requests of the fake. */
export const CLIENT_PREFIX = '/client';

/** A server; Virtualizor writes numbers as texts. */
export type FakeVps = {
  readonly vpsid: string;
  uid: string;
  email: string;
  hostname: string;
  virt: string;
  osid: string;
  plid: string;
  space: string;
  ram: string;
  suspended: string;
  notes: string | null;
  rootpass: string;
  running: boolean;
};

/** A plan of the fake. */
export type FakePlan = Readonly<Record<string, string>> & {
  readonly plid: string;
  readonly plan_name: string;
};

type FakeTask = {
  readonly actid: string;
  readonly vpsid: string;
  readonly action: string;
  looks: number;
  isFailing: boolean;
  readonly finish: () => void;
};

/** What a test may look at and change. */
export type FakeVirtualizor = Vendor & {
  readonly vpses: Map<string, FakeVps>;
  readonly users: Map<string, { uid: string; email: string; type: string; password: string }>;
  readonly plans: FakePlan[];
  /** How a key that is not known is answered. */
  login: 'redirect' | 'page' | 'empty' | 'null';
  /** Looks that a task begun from now on needs before it has ended. */
  taskLooks: number;
  /** Whether builds begun from now on fail. */
  isBuildFailing: boolean;
  addUser(email: string, type?: string): string;
  addVps(vps: Partial<FakeVps> & { uid: string }): FakeVps;
  finishTasks(): void;
};

const OS_LIST = {
  kvm: {
    debian: { '1001': { osid: '1001', name: 'debian-13-x86_64', type: 'kvm' } },
    ubuntu: { '1002': { osid: '1002', name: 'ubuntu-26.04-x86_64', type: 'kvm' } },
  },
  lxc: { alpine: { '2001': { osid: '2001', name: 'alpine-3.22', type: 'lxc' } } },
  xen: [],
};

const plan = (plid: string, plan_name: string, size: { ram: string; space: string }): FakePlan => ({
  plid,
  plan_name,
  virt: 'kvm',
  ...size,
  swap: '512',
  bandwidth: '1000',
  network_speed: '0',
  cpu: '1024',
  cores: '1',
  cpu_percent: '0.00',
  ips: '1',
  ips6: '0',
  ips6_subnet: '0',
  vnc: '1',
  osreinstall_limit: '0',
  kvm_cache: '0',
  io_mode: '0',
  vnc_keymap: 'en-us',
  nic_type: 'virtio',
});

/** Starts a master with three plans, two of which begin alike. */
export async function startFakeVirtualizor(): Promise<FakeVirtualizor> {
  const tasks: FakeTask[] = [];
  let nextId = 11;
  const newId = (): string => String((nextId += 1));

  const state = {
    vpses: new Map<string, FakeVps>(),
    users: new Map<string, { uid: string; email: string; type: string; password: string }>(),
    plans: [
      plan('7', 'KVM Starter Plus', { ram: '4096', space: '80' }),
      plan('3', 'KVM Starter', { ram: '1024', space: '20' }),
      plan('4', 'KVM Large', { ram: '8192', space: '160' }),
      { ...plan('9', 'LXC Starter', { ram: '512', space: '10' }), virt: 'lxc' },
    ],
    login: 'redirect' as FakeVirtualizor['login'],
    taskLooks: 1,
    isBuildFailing: false,
    addUser(email: string, type = '0'): string {
      const uid = newId();
      state.users.set(uid, { uid, email, type, password: 'theirs' });
      return uid;
    },
    addVps(vps: Partial<FakeVps> & { uid: string }): FakeVps {
      const made: FakeVps = {
        vpsid: newId(),
        email: state.users.get(vps.uid)?.email ?? '',
        hostname: 'other.example.net',
        virt: 'kvm',
        osid: '1001',
        plid: '3',
        space: '20',
        ram: '1024',
        suspended: '0',
        notes: null,
        rootpass: 'theirs',
        running: true,
        ...vps,
      };
      state.vpses.set(made.vpsid, made);
      return made;
    },
    finishTasks(): void {
      for (const task of tasks) while (standing(task) === 'running') look(task);
    },
  };

  const standing = (task: FakeTask): 'running' | 'failed' | 'done' =>
    task.looks > 0 ? 'running' : task.isFailing ? 'failed' : 'done';
  function look(task: FakeTask): void {
    task.looks -= 1;
    if (standing(task) === 'done') task.finish();
  }
  function begin(vpsid: string, action: string, finish: () => void): void {
    const isFailing = action === 'addvs' && state.isBuildFailing;
    tasks.push({ actid: newId(), vpsid, action, looks: state.taskLooks, isFailing, finish });
    if (state.taskLooks === 0 && !isFailing) finish();
  }
  const isBusy = (vpsid: string): boolean =>
    tasks.some((task) => task.vpsid === vpsid && standing(task) === 'running');

  function handle(request: VendorRequest): VendorReply {
    const { query } = request;
    const isKnown =
      query.get('api') === 'json' &&
      query.get('adminapikey') === API_KEY &&
      query.get('adminapipass') === API_PASSWORD;
    if (!isKnown) return loginReply(state.login);
    noteJudged('servers/virtualizor', DOCUMENTATION);
    const form = new URLSearchParams(request.body);
    const act = checkRequest(request, form);
    const isClient = request.path === `${CLIENT_PREFIX}/index.php`;
    if (isClient !== (act === 'sso') || (!isClient && request.path !== '/index.php'))
      return { status: 404, html: '<html><h1>404 Not Found</h1></html>' };
    const reply = ACTS[act]?.(query, form) ?? {};
    return { status: 200, json: { title: act, timenow: 'now', time_taken: '0.113', ...reply } };
  }

  type Act = (query: URLSearchParams, form: URLSearchParams) => Record<string, unknown>;
  const ACTS: Readonly<Record<string, Act>> = {
    plans: (query) => ({
      plans: pageOf(
        state.plans.filter((each) => each.plan_name.startsWith(query.get('planname') ?? '')),
        query,
        ({ plid }) => plid,
      ),
    }),
    os: () => ({ oslist: OS_LIST }),
    servergroups: () => ({ servergroups: { '1': { sgid: '1', sg_name: 'Frankfurt' } } }),
    users: (query) => {
      const part = (query.get('email') ?? '').toLowerCase();
      const found = [...state.users.values()].filter(({ email }) =>
        email.toLowerCase().includes(part),
      );
      const shown = found.map(({ password: _hidden, ...user }) => ({ ...user, password: '' }));
      return { users: pageOf(shown, query, ({ uid }) => uid) };
    },
    adduser: (_query, form) => {
      const email = form.get('newemail') ?? '';
      if ([...state.users.values()].some((user) => user.email === email))
        return { error: { newemail: 'The email already exists' } };
      const uid = state.addUser(email);
      return { done: Number(uid) };
    },
    vs: (query) => serversOf(query),
    addvs: (_query, form) => build(form),
    managevps: (query, form) => manage(query, form),
    rebuild: (_query, form) => rebuild(form),
    tasks: (query) => {
      const own = tasks.filter(({ vpsid }) => vpsid === query.get('vpsid')).toReversed();
      const shown = own.map((task) => {
        if (standing(task) === 'running') look(task);
        const now = standing(task);
        const { actid, vpsid, action } = task;
        return {
          actid,
          vpsid,
          action,
          status: now === 'failed' ? '-1' : '1',
          status_txt: now === 'failed' ? 'Could not create the disk' : 'Task Running',
          progress: now === 'running' ? '40' : '100',
        };
      });
      return { tasks: pageOf(shown, query, ({ actid }) => actid) };
    },
    vnc: (query, form) => {
      const vps = state.vpses.get(form.get('novnc') ?? '');
      if (vps === undefined || query.get('novnc') !== vps.vpsid) return { error: NO_VPS };
      return { info: { ip: '192.0.2.4', port: '5905', password: 'vncpw123' } };
    },
    sso: (query) =>
      state.vpses.has(query.get('svs') ?? '')
        ? { token_key: 'sessvkD9MBpOg0aFkHfD', sid: 'efgBrcHtvyVEGcvaeI9q2A9X4kaOAU18' }
        : { error: NO_VPS },
  };

  function serversOf(query: URLSearchParams): Record<string, unknown> {
    const status = query.get('vs_status');
    if (status !== null) return { status: statusOf(state.vpses.get(status)) };
    const change = ['suspend', 'unsuspend', 'delete', 'bwreset'].find((name) => query.has(name));
    if (change !== undefined) return changeOne(change, query.get(change) ?? '');
    if (query.has('action')) return powerOne(query.get('action') ?? '', query.get('vpsid') ?? '');
    const part = (query.get('user') ?? '').toLowerCase();
    const found = [...state.vpses.values()].filter(
      ({ vpsid, email }) =>
        (query.get('vpsid') ?? vpsid) === vpsid && email.toLowerCase().includes(part),
    );
    const shown = found.map(({ rootpass: _hidden, running: _running, ...vps }) => ({
      ...vps,
      os_name: 'debian-13-x86_64',
      ips: { '88': '192.0.2.44' },
    }));
    return { vs: pageOf(shown, query, ({ vpsid }) => vpsid) };
  }

  function changeOne(change: string, vpsid: string): Record<string, unknown> {
    const vps = state.vpses.get(vpsid);
    if (vps === undefined) return { error: NO_VPS, done: false };
    if (change === 'suspend' || change === 'unsuspend') {
      vps.suspended = change === 'suspend' ? '1' : '0';
      vps.running = change === 'unsuspend';
    }
    if (change === 'delete') begin(vpsid, 'deletevs', () => void state.vpses.delete(vpsid));
    return { done: true, done_msg: 'Done' };
  }

  function powerOne(action: string, vpsid: string): Record<string, unknown> {
    const vps = state.vpses.get(vpsid);
    if (vps === undefined) return { error: NO_VPS };
    if (!['start', 'stop', 'restart', 'poweroff'].includes(action)) return { error: ['No action'] };
    vps.running = action === 'start' || action === 'restart';
    return { done: 1, done_msg: `VPS has been ${action}ed` };
  }

  function build(form: URLSearchParams): Record<string, unknown> {
    const problems: Record<string, string> = {};
    const user = state.users.get(form.get('uid') ?? '');
    const ofKind = OS_LIST[(form.get('virt') ?? '') as 'kvm'] ?? {};
    const systems = Object.values(ofKind).flatMap((each) => Object.keys(each));
    if (user === undefined) problems['uid'] = 'The user does not exist';
    if (!systems.includes(form.get('osid') ?? '')) problems['osid'] = 'The template is invalid';
    if (!/^[a-z0-9][a-z0-9.-]*$/.test(form.get('hostname') ?? ''))
      problems['hostname'] = 'The hostname is invalid';
    const known = state.plans.find(({ plid }) => plid === form.get('plid'));
    if (known === undefined) problems['plid'] = 'The plan does not exist';
    if (user === undefined || Object.keys(problems).length > 0) return { error: problems };
    const vps = state.addVps({
      uid: user.uid,
      hostname: form.get('hostname') ?? '',
      virt: form.get('virt') ?? '',
      osid: form.get('osid') ?? '',
      plid: form.get('plid') ?? '',
      space: form.get('space') ?? '',
      ram: form.get('ram') ?? '',
      rootpass: form.get('rootpass') ?? '',
      running: false,
    });
    begin(vps.vpsid, 'addvs', () => void (vps.running = true));
    const { rootpass: _hidden, running: _running, ...newvs } = vps;
    return { done: true, newvs: { ...newvs, ips: ['192.0.2.44'] }, globals: {} };
  }

  function manage(query: URLSearchParams, form: URLSearchParams): Record<string, unknown> {
    const vps = state.vpses.get(form.get('vpsid') ?? '');
    if (vps === undefined || query.get('vpsid') !== vps.vpsid) return { error: NO_VPS };
    if (isBusy(vps.vpsid)) return { error: ['The VPS is being created'] };
    const wanted = form.get('plid');
    const known = state.plans.find(({ plid }) => plid === wanted);
    if (wanted !== null && known === undefined) return { error: { plid: 'The plan is invalid' } };
    if (known !== undefined) {
      const { plid, ram = '', space = '' } = known;
      if (Number(space) < Number(vps.space)) return { error: { space: 'The disk cannot shrink' } };
      Object.assign(vps, { plid, ram, space });
    }
    vps.notes = form.get('notes') ?? vps.notes;
    vps.rootpass = form.get('rootpass') ?? vps.rootpass;
    return { done: { change: 1 }, vps: {} };
  }

  function rebuild(form: URLSearchParams): Record<string, unknown> {
    const vps = state.vpses.get(form.get('vpsid') ?? '');
    if (vps === undefined) return { error: NO_VPS };
    if (form.get('newpass') !== form.get('conf')) return { error: ['The passwords do not match'] };
    vps.osid = form.get('osid') ?? '';
    vps.rootpass = form.get('newpass') ?? '';
    begin(vps.vpsid, 'rebuildvs', () => undefined);
    return { done: 1 };
  }

  const vendor = await startVendor(handle);
  return Object.assign(state, vendor);
}

const NO_VPS = ['The VPS does not exist'];

function statusOf(vps: FakeVps | undefined): unknown {
  if (vps === undefined) return [];
  const { vpsid, ram, space, running, suspended } = vps;
  return {
    [vpsid]: {
      status: suspended === '1' ? 2 : running ? 1 : 0,
      used_cpu: '12.50',
      used_ram: 256,
      ram,
      used_disk: '2.5',
      disk: space,
      used_bandwidth: '1.5',
      bandwidth: '0',
      virt: 'kvm',
    },
  };
}

/** A page of a list, as a map by id; PHP makes an empty map a list. */
function pageOf<T>(
  items: readonly T[],
  query: URLSearchParams,
  idOf: (item: T) => string,
): unknown {
  const size = Number(query.get('reslen') ?? 50);
  const from = (Number(query.get('page') ?? 1) - 1) * size;
  const page = items.slice(from, from + size);
  return page.length === 0 ? [] : Object.fromEntries(page.map((item) => [idOf(item), item]));
}

function loginReply(kind: FakeVirtualizor['login']): VendorReply {
  if (kind === 'redirect') return { status: 302, headers: { location: '/index.php?act=login' } };
  if (kind === 'page') return { status: 200, html: LOGIN_PAGE };
  return kind === 'empty' ? { status: 200 } : { status: 200, json: null };
}

/** What a browser without a session sees. */
export const LOGIN_PAGE =
  '<!DOCTYPE html><html><title>Login</title><form action="index.php?act=login" name="loginform"></form></html>';
