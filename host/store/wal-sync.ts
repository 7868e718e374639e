// Puts what SQLite has committed on disk, beside the event loop. SQLite itself would wait for the disk in
// every commit, and everything else of the host with it.

import { close, closeSync, fdatasync, fsync, open, openSync } from 'node:fs';
import { dirname } from 'node:path';

import { HostError } from '../errors.ts';

/** Calls back once all that was written before is on disk. */
export type DiskSync = {
  sync(done: (error: Error | null) => void): void;
  close(): void;
};

/**
 * Of the write-ahead log of a database file, which is open meanwhile.
 *
 * @throws {HostError} `HOST_STORE_FAILED`
 */
export function openWalSync(path: string): DiskSync {
  const log = openLog(`${path}-wal`);
  let isNamed = false;
  return {
    sync(done) {
      if (isNamed) return fdatasync(log, done);
      // The log's name must survive as well: SQLite sees to that only when it syncs the log by itself.
      syncFolder(dirname(path), (error) => {
        if (error !== null) return done(error);
        isNamed = true;
        fdatasync(log, done);
      });
    },
    // No lock is lost by this: SQLite keeps none on the log.
    close: () => closeSync(log),
  };
}

function openLog(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    throw new HostError('HOST_STORE_FAILED', `Cannot open the log of the store "${path}"`, {
      remedy: 'Check the permissions of COFFERDAM_DATA_DIR',
      cause: error,
    });
  }
}

function syncFolder(path: string, done: (error: Error | null) => void): void {
  open(path, 'r', (unopened, folder) => {
    // Windows opens no folder, and needs none synced.
    if (unopened !== null) return done(NO_FOLDERS.has(unopened.code ?? '') ? null : unopened);
    fsync(folder, (error) => close(folder, () => done(error)));
  });
}

const NO_FOLDERS: ReadonlySet<string> = new Set(['EISDIR', 'EPERM', 'EACCES']);

/** Somebody who waits until what he wrote is on disk. */
export type Waiter = { resolve(): void; reject(error: unknown): void };

/** Waits for the disk on behalf of many: one sync at a time, those that come meanwhile share the next. */
export class DiskQueue {
  readonly #disk: DiskSync;
  #waiting: Waiter[] = [];
  #isRunning = false;
  #idle: (() => void) | undefined;
  #failure: Error | undefined;

  constructor(disk: DiskSync) {
    this.#disk = disk;
  }

  /**
   * Why the disk can no longer be relied on: a kernel that failed to write a page takes it for written
   * afterwards, so that no later sync says anything about it.
   */
  get failure(): Error | undefined {
    return this.#failure;
  }

  add(waiters: readonly Waiter[]): void {
    this.#waiting.push(...waiters);
    if (!this.#isRunning) this.#run();
  }

  /** Tells when all that was added before is on disk: at once when nobody waits for it. */
  settle(waiter: Waiter): void {
    if (this.#isRunning) this.#waiting.push(waiter);
    else if (this.#failure === undefined) waiter.resolve();
    else waiter.reject(this.#failure);
  }

  /** Resolves once nobody waits any more. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle = resolve;
    if (this.#isRunning) await promise;
    this.#disk.close();
  }

  #run(): void {
    const waiters = this.#waiting;
    if (waiters.length === 0) return this.#idle?.();
    this.#waiting = [];
    this.#isRunning = true;
    this.#disk.sync((error) => {
      this.#isRunning = false;
      this.#failure ??= error ?? undefined;
      for (const waiter of waiters) {
        if (this.#failure === undefined) waiter.resolve();
        else waiter.reject(this.#failure);
      }
      this.#run();
    });
  }
}
