// The files of cgroup v2 and of /proc that `cgroup.ts` works with, as they are on this machine.

import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What groups are made with. Failures are Node's, with their `code`. */
export type GroupFiles = {
  /** Where the tree is mounted. */
  mount(): Promise<string | undefined>;
  /** The group of a process, as a path below the mount. */
  groupOf(pid: number): Promise<string | undefined>;
  /** A process and all that it descends from. */
  ancestors(pid: number): Promise<readonly number[]>;
  mayWrite(folder: string): Promise<boolean>;
  read(path: string): Promise<string>;
  /** Writes a file that is there already: the kernel makes them. */
  write(path: string, text: string): Promise<void>;
  /** Makes a group; one that is there stays. */
  make(folder: string): Promise<void>;
  remove(folder: string): Promise<void>;
  list(folder: string): Promise<readonly string[]>;
  pause(ms: number): Promise<void>;
};

/** The code of a failure of Node's. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** The files of this machine; outside of Linux nothing is mounted. */
export function createGroupFiles(): GroupFiles {
  return {
    async mount() {
      const lines = (await readProc('self/mountinfo')).split('\n');
      const line = lines.find((each) => each.includes(' - cgroup2 '));
      return line?.split(' ')[4];
    },
    async groupOf(pid) {
      const lines = (await readProc(`${pid}/cgroup`)).split('\n');
      return lines.find((each) => each.startsWith('0::'))?.slice('0::'.length);
    },
    async ancestors(pid) {
      const all = [pid];
      for (let at = pid; at > 1;) {
        const status = await readProc(`${at}/status`);
        at = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0);
        if (at > 0) all.push(at);
      }
      return all;
    },
    async mayWrite(folder) {
      const paths = ['', 'cgroup.procs', 'cgroup.subtree_control'].map((name) =>
        join(folder, name),
      );
      const results = await Promise.allSettled(paths.map((path) => access(path, constants.W_OK)));
      return results.every(({ status }) => status === 'fulfilled');
    },
    read: (path) => readFile(path, 'utf8'),
    async write(path, text) {
      // Never made: a file that is missing is a bound that the kernel does not know.
      await using file = await open(path, 'r+');
      await file.write(text);
    },
    async make(folder) {
      await mkdir(folder, { recursive: true });
    },
    remove: (folder) => rmdir(folder),
    list: (folder) => readdir(folder),
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
}

/** Empty where there is no such file: no Linux, or the process has ended. */
async function readProc(path: string): Promise<string> {
  try {
    return await readFile(`/proc/${path}`, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return '';
    throw error;
  }
}
