// A search for planted secrets in everything that a run leaves: texts, files, and the processes of cells.

import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** Fails when one of the secrets is in it, as it is or in UTF-16; says in what, never next to what. */
export function assertNone(canaries: readonly string[], what: string, text: string | Buffer): void {
  for (const each of canaries) {
    assert.ok(!text.includes(each), `${what} holds "${each}"`);
    const wide = Buffer.from(each, 'utf16le');
    if (typeof text !== 'string') assert.ok(!text.includes(wide), `${what} holds "${each}"`);
  }
}

/** Every file below a folder, the key of the host apart. @returns Their names */
export function assertNoneInFiles(canaries: readonly string[], folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (file) => file.isFile() && file.name !== 'master.key',
  );
  for (const { parentPath, name } of files) {
    assertNone(canaries, name, readFileSync(join(parentPath, name)));
  }
  return files.map(({ name }) => name);
}

/**
 * Environment, command line and memory of every child of this process.
 *
 * @returns Bytes of memory that were searched; 0 where they may not be read, undefined without `/proc`
 */
export function assertNoneInChildren(canaries: readonly string[]): number | undefined {
  const cells = childrenOf(process.pid);
  if (cells.length === 0) return undefined;
  let searched = 0;
  for (const pid of cells) {
    for (const file of ['environ', 'cmdline']) {
      assertNone(canaries, `${file} of ${pid}`, readFileSync(`/proc/${pid}/${file}`));
    }
    for (const block of memoryOf(pid)) {
      searched += block.length;
      assertNone(canaries, `the memory of ${pid}`, block);
    }
  }
  return searched;
}

/** Process ids of the children, theirs included. */
function childrenOf(parent: number): number[] {
  const own = listProc().filter((pid) => {
    const stat = readProc(`/proc/${pid}/stat`);
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
  });
  return [...own, ...own.flatMap(childrenOf)];
}

function listProc(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch (error) {
    // macOS and Windows have none.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** '' when the process has just ended. */
function readProc(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

/** Writable memory of a process in blocks that overlap by the length of a canary; none where it may not be read. */
export function* memoryOf(pid: number): Generator<Buffer> {
  const BLOCK = 8 * 1024 * 1024;
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/mem`, 'r');
  } catch (error) {
    if (['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return;
    throw error;
  }
  try {
    for (const line of readProc(`/proc/${pid}/maps`).split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === undefined || to === undefined) continue;
      const end = Number(`0x${to}`);
      for (let at = Number(`0x${from}`); at < end; at += BLOCK - 64) {
        const block = Buffer.allocUnsafe(Math.min(BLOCK, end - at));
        const length = readAt(fd, block, at);
        yield* usedParts(block.subarray(0, length));
      }
    }
  } finally {
    closeSync(fd);
  }
}

const PART = Buffer.alloc(64 * 1024);

/** What of a block was ever written: most of what V8 and threads have set aside never was. */
function* usedParts(block: Buffer): Generator<Buffer> {
  let from = -1;
  for (let at = 0; at < block.length; at += PART.length) {
    const part = block.subarray(at, at + PART.length);
    const isUsed = !part.equals(PART.subarray(0, part.length));
    if (isUsed && from < 0) from = at;
    if (isUsed || from < 0) continue;
    yield block.subarray(from, at);
    from = -1;
  }
  if (from >= 0) yield block.subarray(from);
}

function readAt(fd: number, block: Buffer, at: number): number {
  try {
    return readSync(fd, block, 0, block.length, at);
  } catch (error) {
    // A region that cannot be read, such as one that was unmapped meanwhile.
    if (['EIO', 'EFAULT'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}
