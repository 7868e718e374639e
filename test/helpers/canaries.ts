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

/**
 * Writable memory of a process that was ever written, in blocks that overlap by the length of a canary; none
 * where it may not be read.
 */
export function* memoryOf(pid: number): Generator<Buffer> {
  using memory = openProc(pid, 'mem');
  using pages = openProc(pid, 'pagemap');
  if (memory === undefined) return;
  for (const line of readProc(`/proc/${pid}/maps`).split('\n')) {
    const [, first, last] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    if (first === undefined || last === undefined) continue;
    const region = { from: Number(`0x${first}`), to: Number(`0x${last}`) };
    for (const { from, to } of pages === undefined ? [region] : writtenRuns(pages.fd, region)) {
      for (let at = from; at < to; at += BLOCK_BYTES - OVERLAP_BYTES) {
        const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, to - at));
        yield block.subarray(0, readAt(memory.fd, block, at));
      }
    }
  }
}

const BLOCK_BYTES = 8 * 1024 * 1024;
const OVERLAP_BYTES = 64;
const PAGE_BYTES = readPageBytes();
/** Of an entry of `pagemap` (proc_pid_pagemap(5)): bit 63, the page is in memory; 62, it is swapped out. */
const WRITTEN = 0b1100_0000;

type Run = { readonly from: number; readonly to: number };

/** What of a region has pages: most of what V8 and threads have set aside never got any. */
function* writtenRuns(pages: number, { from, to }: Run): Generator<Run> {
  const entries = Buffer.alloc(((to - from) / PAGE_BYTES) * 8);
  const length = readAt(pages, entries, (from / PAGE_BYTES) * 8);
  let start = -1;
  for (let at = 0; at < length; at += 8) {
    const address = from + (at / 8) * PAGE_BYTES;
    const isWritten = ((entries[at + 7] ?? 0) & WRITTEN) !== 0;
    if (isWritten && start < 0) start = address;
    if (isWritten || start < 0) continue;
    yield { from: start, to: address };
    start = -1;
  }
  if (start >= 0) yield { from: start, to: from + (length / 8) * PAGE_BYTES };
}

/** The machine's page, as the kernel tells a program at its start (getauxval(3), AT_PAGESZ); 4096 elsewhere. */
function readPageBytes(): number {
  const AT_PAGESZ = 6n;
  const auxiliary = Buffer.from(readProc('/proc/self/auxv'), 'latin1');
  for (let at = 0; at + 16 <= auxiliary.length; at += 16) {
    if (auxiliary.readBigUInt64LE(at) === AT_PAGESZ) return auxiliary.readUInt32LE(at + 8);
  }
  return 4_096;
}

/** Undefined where it may not be read. */
function openProc(pid: number, name: string): (Disposable & { readonly fd: number }) | undefined {
  try {
    const fd = openSync(`/proc/${pid}/${name}`, 'r');
    return { fd, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    if (['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
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
