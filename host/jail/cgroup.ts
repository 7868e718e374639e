// The kernel's own bounds around each child (memory, threads, share of the CPU): a cgroup of version 2,
// where the host was given a part of that tree for itself, as systemd's Delegate= does. Elsewhere the
// watchdog is alone. Moves nobody's processes but the host's own and those that it started.

import { join } from 'node:path';

import { LIMITS } from '../limits.ts';
import { codeOf } from './group-files.ts';
import type { GroupFiles } from './group-files.ts';

/** What is asked of the kernel; each has to be there, or nothing is claimed. */
const CONTROLLERS = ['cpu', 'memory', 'pids'];

/** Where the host itself goes: a group with groups inside may hold no process of its own. */
const HOST_GROUP = 'cofferdam-host';
const CHILD_GROUP = 'cofferdam-child-';

/** The group of one child. */
export type ChildGroup = {
  /** Resolves when the child is in it: nothing may be run in it before. One that cannot enter is killed. */
  readonly entered: Promise<void>;
  /** Lets it have more memory. Never less: what was given up is still resident for a while. */
  allow(memoryMiB: number): void;
  /** Whether the kernel has ended it for its memory. */
  outgrew(): Promise<boolean>;
  /** Takes the group away once the child has ended. */
  remove(): Promise<void>;
};

/** A child process; `pid` is undefined when it did not start. */
export type Enclosed = { readonly pid?: number | undefined; kill(signal: 'SIGKILL'): unknown };

/** Groups for the children of this host. */
export type ChildGroups = {
  /** What `/readyz` and the doctor say: `held`, or `not present` and why. */
  readonly state: string;
  /** Puts a child that was just started into a group; undefined where there are none. */
  enclose(child: Enclosed, memoryMiB: number): ChildGroup | undefined;
  /** Leaves the tree as it was found; children have ended before. */
  close(): Promise<void>;
};

/** Looks whether this process may make groups, and takes possession if so. */
export async function openChildGroups(
  files: GroupFiles,
  { pid, onError }: { readonly pid: number; readonly onError: (error: unknown) => void },
): Promise<ChildGroups> {
  const found = await findOwnGroup(files, pid);
  if ('missing' in found) return absent(found.missing);
  const { folder } = found;
  try {
    await takePossession(files, folder);
  } catch (error) {
    await leave(files, folder);
    return absent(`${folder} could not be divided (${codeOf(error) ?? String(error)})`);
  }
  const open = new Set<ChildGroup>();
  return {
    state: 'held',
    enclose(child, memoryMiB) {
      if (child.pid === undefined) return undefined;
      const place = join(folder, CHILD_GROUP + child.pid);
      const group = enclose(files, place, { pid: child.pid, memoryMiB, onError });
      group.entered.catch(() => child.kill('SIGKILL'));
      open.add(group);
      return { ...group, remove: () => group.remove().finally(() => open.delete(group)) };
    },
    async close() {
      await Promise.all([...open].map((group) => group.remove()));
      await leave(files, folder);
    },
  };
}

function absent(why: string): ChildGroups {
  return {
    state: `not present: ${why}`,
    enclose: () => undefined,
    close: async () => undefined,
  };
}

type Found = { readonly folder: string } | { readonly missing: string };

/** The group that this process is in, if it is the host's to divide. */
async function findOwnGroup(files: GroupFiles, pid: number): Promise<Found> {
  const [mount, path] = await Promise.all([files.mount(), files.groupOf(pid)]);
  if (mount === undefined || path === undefined) return { missing: 'no cgroup v2 is mounted' };
  const own = join(mount, path);
  // A host that was killed left what is above it in that group, and its children's groups beside it.
  const folder = own.endsWith(`/${HOST_GROUP}`) ? own.slice(0, -HOST_GROUP.length - 1) : own;
  try {
    const given = (await files.read(join(folder, 'cgroup.controllers'))).trim().split(' ');
    const absent = CONTROLLERS.filter((name) => !given.includes(name));
    if (absent.length > 0) return { missing: `${folder} has no controller ${absent.join(', ')}` };
    if (!(await files.mayWrite(folder))) return { missing: `${folder} is not writable` };
    const mine = await files.ancestors(pid);
    const inside = [...(await pidsIn(files, folder)), ...(await pidsIn(files, own))];
    const other = inside.find((each) => !mine.includes(each));
    if (other !== undefined) return { missing: `${folder} is shared with process ${other}` };
    return { folder };
  } catch (error) {
    return { missing: `${folder} cannot be read (${codeOf(error) ?? String(error)})` };
  }
}

async function takePossession(files: GroupFiles, folder: string): Promise<void> {
  const host = join(folder, HOST_GROUP);
  await files.make(host);
  for (const pid of await pidsIn(files, folder)) {
    await files.write(join(host, 'cgroup.procs'), String(pid));
  }
  // What a host left that was killed; another host of this process may have living ones there.
  await removeEmpty(files, folder);
  await files.write(
    join(folder, 'cgroup.subtree_control'),
    CONTROLLERS.map((name) => `+${name}`).join(' '),
  );
}

type Enclosing = {
  readonly pid: number;
  readonly memoryMiB: number;
  readonly onError: (error: unknown) => void;
};

function enclose(
  files: GroupFiles,
  folder: string,
  { pid, memoryMiB, onError }: Enclosing,
): ChildGroup {
  const write = (file: string, text: string): Promise<void> =>
    files.write(join(folder, file), text);
  let allowedMiB = memoryMiB;
  const writeMemory = (): Promise<void> => write('memory.max', String(allowedMiB * 2 ** 20));
  const enter = async (): Promise<void> => {
    await files.make(folder);
    await writeMemory();
    // Absent where the kernel has no swap: then there is nothing to bound.
    await write('memory.swap.max', '0').catch(ignore('ENOENT'));
    await write('memory.oom.group', '1');
    await write('pids.max', String(LIMITS.childThreads));
    await write('cpu.weight', String(LIMITS.childCpuWeight));
    await write('cgroup.procs', String(pid));
  };
  const entered = enter();
  // Whoever started the child awaits `entered`; what follows here waits for the end of it, good or bad.
  let last = entered.catch(onError);
  return {
    entered,
    allow(mib) {
      if (mib <= allowedMiB) return;
      allowedMiB = mib;
      last = last.then(writeMemory).catch(ignore('ENOENT')).catch(onError);
    },
    async outgrew() {
      await last;
      const events = await files.read(join(folder, 'memory.events')).catch(ignore('ENOENT'));
      return /^oom_kill [1-9]/m.test(events ?? '');
    },
    async remove() {
      await last;
      await removeGroup(files, folder).catch(onError);
    },
  };
}

/** Removes children's groups in which nobody is any more; whether all are gone. */
async function removeEmpty(files: GroupFiles, folder: string): Promise<boolean> {
  const names = (await files.list(folder)).filter((name) => name.startsWith(CHILD_GROUP));
  const gone = await Promise.all(
    names.map((name) =>
      files.remove(join(folder, name)).then(
        () => true,
        (error: unknown) => codeOf(error) === 'ENOENT',
      ),
    ),
  );
  return gone.every(Boolean);
}

/** Ends what is still inside, then waits for the kernel to let go of it. */
async function removeGroup(files: GroupFiles, folder: string): Promise<void> {
  await files.write(join(folder, 'cgroup.kill'), '1').catch(ignore('ENOENT'));
  for (let left = LIMITS.groupRemoveTries; left > 0; left -= 1) {
    try {
      return await files.remove(folder);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return;
      if (codeOf(error) !== 'EBUSY') throw error;
      await files.pause(LIMITS.groupRemoveMs);
    }
  }
  // What is left is taken away by the next host that starts here.
}

/** Puts the tree back as it was, unless somebody else's groups are in it. */
async function leave(files: GroupFiles, folder: string): Promise<void> {
  if (!(await removeEmpty(files, folder))) return;
  const off = CONTROLLERS.map((name) => `-${name}`).join(' ');
  await files.write(join(folder, 'cgroup.subtree_control'), off).catch(ignore('ENOENT', 'EBUSY'));
  const host = join(folder, HOST_GROUP);
  for (const pid of await pidsIn(files, host)) {
    await files.write(join(folder, 'cgroup.procs'), String(pid)).catch(ignore('ESRCH', 'EBUSY'));
  }
  await files.remove(host).catch(ignore('ENOENT', 'EBUSY'));
}

async function pidsIn(files: GroupFiles, folder: string): Promise<readonly number[]> {
  const text = await files.read(join(folder, 'cgroup.procs')).catch(ignore('ENOENT'));
  return (text ?? '').split('\n').filter(Boolean).map(Number);
}

/** Passes over the codes that it is made for. */
function ignore(...codes: string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(codeOf(error) ?? '')) throw error;
  };
}
