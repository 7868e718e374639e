// The kernel's bounds around children: on a tree that behaves as cgroup v2 does, and on this machine's own.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { accessSync, constants, mkdirSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';

import { openChildGroups } from '../../../host/jail/cgroup.ts';
import type { ChildGroups } from '../../../host/jail/cgroup.ts';
import { createGroupFiles } from '../../../host/jail/group-files.ts';
import type { GroupFiles } from '../../../host/jail/group-files.ts';
import { LIMITS } from '../../../host/limits.ts';

const MOUNT = '/sys/fs/cgroup';
const OWN = `${MOUNT}/system.slice/cofferdam.service`;
const HOST = `${OWN}/cofferdam-host`;
const PID = 500;

/** A tree of groups in memory: files appear with their folder, one with processes cannot be removed. */
class Tree implements GroupFiles {
  readonly files = new Map<string, string>();
  controllers = 'cpu memory pids';
  path: string | undefined = OWN.slice(MOUNT.length);
  writable = true;
  /** Paths that cannot be written, with the code. */
  readonly broken = new Map<string, string>();

  constructor(pids: readonly number[]) {
    this.#appear(OWN);
    for (const pid of pids) this.#enter(`${OWN}/cgroup.procs`, pid);
  }

  mount = async (): Promise<string> => MOUNT;
  groupOf = async (): Promise<string | undefined> => this.path;
  ancestors = async (pid: number): Promise<number[]> => [pid, 400, 1];
  mayWrite = async (): Promise<boolean> => this.writable;
  pause = async (): Promise<void> => undefined;

  async read(path: string): Promise<string> {
    if (path.endsWith('cgroup.controllers')) return `${this.controllers}\n`;
    return this.files.get(path) ?? fail('ENOENT');
  }

  async write(path: string, text: string): Promise<void> {
    const code = this.broken.get(path);
    if (code !== undefined || !this.files.has(path)) fail(code ?? 'ENOENT');
    if (path.endsWith('cgroup.procs')) return this.#enter(path, Number(text));
    if (path.endsWith('cgroup.kill')) this.files.set(join(dirname(path), 'cgroup.procs'), '');
    this.files.set(path, text);
  }

  async make(folder: string): Promise<void> {
    if (!this.files.has(`${folder}/cgroup.procs`)) this.#appear(folder);
  }

  async remove(folder: string): Promise<void> {
    const procs = this.files.get(`${folder}/cgroup.procs`) ?? fail('ENOENT');
    if (procs !== '') fail('EBUSY');
    for (const path of this.files.keys()) if (dirname(path) === folder) this.files.delete(path);
  }

  async list(folder: string): Promise<string[]> {
    const below = [...this.files.keys()].filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(below.map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))];
  }

  #appear(folder: string): void {
    const bounds = ['memory.max', 'memory.oom.group', 'memory.events', 'pids.max', 'cpu.weight'];
    const names = ['cgroup.procs', 'cgroup.kill', 'cgroup.subtree_control', ...bounds];
    for (const name of names) this.files.set(`${folder}/${name}`, '');
  }

  #enter(path: string, pid: number): void {
    for (const [other, text] of this.files) {
      if (!other.endsWith('cgroup.procs')) continue;
      const pids = text.split('\n').filter((each) => each !== '' && each !== String(pid));
      this.files.set(other, [...pids, ...(other === path ? [String(pid)] : [])].join('\n'));
    }
  }
}

function fail(code: string): never {
  throw Object.assign(new Error(code), { code });
}

function open(tree: Tree, errors: unknown[] = []): Promise<ChildGroups> {
  return openChildGroups(tree, { pid: PID, onError: (error) => errors.push(error) });
}

const child = (pid: number): { pid: number; killed: boolean; kill(): void } => ({
  pid,
  killed: false,
  kill() {
    this.killed = true;
  },
});

it('gives each child a group with bounds, and leaves the tree as it was', async () => {
  const tree = new Tree([400, PID]);
  const before = new Map(tree.files);
  const groups = await open(tree);
  assert.equal(groups.state, 'held');
  assert.deepEqual(tree.files.get(`${HOST}/cgroup.procs`), `400\n${PID}`);
  assert.equal(tree.files.get(`${OWN}/cgroup.subtree_control`), '+cpu +memory +pids');
  const group = groups.enclose(child(501), 192);
  await group?.entered;
  const place = `${OWN}/cofferdam-child-501`;
  const bounds = ['memory.max', 'memory.oom.group', 'pids.max', 'cpu.weight', 'cgroup.procs'];
  assert.deepEqual(
    bounds.map((name) => tree.files.get(`${place}/${name}`)),
    [String(192 * 2 ** 20), '1', String(LIMITS.childThreads), String(LIMITS.childCpuWeight), '501'],
  );
  group?.allow(256);
  group?.allow(128);
  assert.equal(await group?.outgrew(), false);
  assert.equal(tree.files.get(`${place}/memory.max`), String(256 * 2 ** 20));
  tree.files.set(`${place}/memory.events`, 'low 0\nmax 12\noom 1\noom_kill 1\n');
  assert.equal(await group?.outgrew(), true);
  await group?.remove();
  assert.equal(tree.files.has(`${place}/cgroup.procs`), false);
  await groups.close();
  tree.files.set(`${OWN}/cgroup.subtree_control`, '');
  assert.deepEqual(tree.files, before);
});

it('ends whoever is still in a group when the host stops', async () => {
  const tree = new Tree([PID]);
  const groups = await open(tree);
  await groups.enclose(child(501), 192)?.entered;
  await groups.close();
  assert.deepEqual(
    [...tree.files.keys()].filter((path) => path.includes('child')),
    [],
  );
});

it('takes over what a host left that was killed', async () => {
  const tree = new Tree([]);
  await tree.make(HOST);
  await tree.write(`${HOST}/cgroup.procs`, String(PID));
  await tree.make(`${OWN}/cofferdam-child-77`);
  tree.path = HOST.slice(MOUNT.length);
  assert.equal((await open(tree)).state, 'held');
  assert.equal(tree.files.has(`${OWN}/cofferdam-child-77/cgroup.procs`), false);
});

it('kills a child that cannot be put into its group', async () => {
  const tree = new Tree([PID]);
  const errors: unknown[] = [];
  const groups = await open(tree, errors);
  const lost = child(501);
  tree.broken.set(`${OWN}/cofferdam-child-501/cgroup.procs`, 'EACCES');
  const group = groups.enclose(lost, 192);
  await assert.rejects(async () => group?.entered, { code: 'EACCES' });
  await group?.remove();
  assert.equal(lost.killed, true);
  assert.deepEqual(errors.map(String), ['Error: EACCES']);
});

const ABSENT: readonly (readonly [string, (tree: Tree) => void, RegExp])[] = [
  ['there is no cgroup v2', (tree) => (tree.path = undefined), /no cgroup v2 is mounted/],
  ['a controller is missing', (tree) => (tree.controllers = 'cpu pids'), /no controller memory/],
  ['the folder is read-only', (tree) => (tree.writable = false), /not writable/],
  [
    'others live in the same group',
    (tree) => tree.files.set(`${OWN}/cgroup.procs`, `${PID}\n999`),
    /shared with process 999/,
  ],
  [
    'the kernel refuses to divide it',
    (tree) => tree.broken.set(`${OWN}/cgroup.subtree_control`, 'EBUSY'),
    /could not be divided \(EBUSY\)/,
  ],
];
for (const [why, change, said] of ABSENT) {
  it(`says that nothing is held, and moves nobody, when ${why}`, async () => {
    const tree = new Tree([PID]);
    change(tree);
    const before = tree.files.get(`${OWN}/cgroup.procs`);
    const groups = await open(tree);
    assert.match(groups.state, /^not present: /);
    assert.match(groups.state, said);
    assert.equal(groups.enclose(child(501), 192), undefined);
    assert.equal(tree.files.get(`${OWN}/cgroup.procs`), before);
    assert.equal(tree.files.has(`${HOST}/cgroup.procs`), false);
  });
}

const mount = await createGroupFiles().mount();
const skip = mayMakeGroups()
  ? false
  : 'no cgroup v2 can be written here: the real tree was not tried';

it('does the same in the tree of this machine', { skip, timeout: 60_000 }, async (test) => {
  const folder = join(mount ?? '', `cofferdam-test-${process.pid}`);
  mkdirSync(folder);
  try {
    const fixture = join(import.meta.dirname, '../../fixtures/cgroup-host.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [fixture, folder]);
    const saw = JSON.parse(stdout);
    assert.equal(saw.state, 'held');
    assert.match(saw.inside.host, /\/cofferdam-host$/m);
    assert.match(saw.inside.child, new RegExp(`/cofferdam-child-${saw.pid}$`, 'm'));
    assert.deepEqual(saw.left, ['cofferdam-host']);
    assert.deepEqual(saw.after.names, []);
    assert.doesNotMatch(saw.after.host, /cofferdam-host/);
    assert.deepEqual(saw.errors, []);
    if (saw.complete) assert.equal(saw.outgrew, true);
    else test.diagnostic('this kernel gives cgroup v2 no memory here: only the tree was tried');
  } finally {
    rmdirSync(folder);
  }
});

function mayMakeGroups(): boolean {
  try {
    if (mount === undefined) return false;
    accessSync(mount, constants.W_OK);
    accessSync(join(mount, 'cgroup.procs'), constants.W_OK);
    return true;
  } catch {
    // Refused, in whatever way: then there is nothing to try.
    return false;
  }
}
