// Keeps cell processes: a warm spare, and one cell per key (all trusted extensions share one key).
// Whoever needs an isolate asks here for a cell; the watchdog runs over all of them.

import type { ChildProcess } from 'node:child_process';

import type { Platform } from '../build/build.ts';
import { HostError } from '../errors.ts';
import type { ChildGroup } from '../jail/cgroup.ts';
import { LIMITS } from '../limits.ts';
import { Cell } from './cell.ts';
import type { CellEnd } from './cell.ts';
import { Watchdog } from './watch.ts';

/** A cell that came or went; `key` says whose it was, when it was anybody's. */
export type CellEvent = {
  readonly type: 'started' | 'killed';
  readonly pid: number;
  readonly key?: string;
  readonly end?: CellEnd;
};

/** What the supervisor needs from outside. */
export type SupervisorPowers = {
  /** Starts a jailed child that runs `program` and whose fd 3 is a stream. */
  readonly spawnCell: (program: string) => ChildProcess;
  /** Puts a child into a group of the kernel's; absent or undefined where there are none. */
  readonly enclose?: (child: ChildProcess, memoryMiB: number) => ChildGroup | undefined;
  /** The program of a cell and what it is greeted with. */
  readonly platform: () => Promise<Pick<Platform, 'cell' | 'greeting'>>;
  /** Milliseconds of a clock that is never set: a silent cell must not be given an hour more. */
  readonly steadyMs: () => number;
  /** Throws when code of that key may not run on this machine. */
  readonly admit?: (key: string) => Promise<void>;
  readonly onCell: (event: CellEvent) => void;
};

/** Keys of cells that run what nobody trusts: `own:<category>/<name>`. */
export const UNTRUSTED_CELL = 'own:';

/** The key of the cell that trusted extensions share; any other key is a cell of its own. */
export const TRUSTED_CELL = 'trusted';

/** All cells of this host. */
export class Supervisor {
  readonly #powers: SupervisorPowers;
  readonly #cells = new Set<Cell>();
  readonly #byKey = new Map<string, Promise<Cell>>();
  readonly #lingering = new Map<Cell, NodeJS.Timeout>();
  readonly #keyOf = new Map<Cell, string>();
  /** Alive, but another cell serves their key now */
  readonly #retired = new Set<Cell>();
  readonly #watchdog: Watchdog;
  #spares: Promise<Cell>[] = [];
  #refilling: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(powers: SupervisorPowers) {
    this.#powers = powers;
    this.#watchdog = new Watchdog(() => this.#cells, powers.steadyMs);
  }

  /** Starts the warm spares; a start that fails is reported by the first `acquire`. */
  warm(): void {
    while (this.#spares.length < LIMITS.spareCells && !this.#stopped) {
      const spare = this.#start();
      // Kept for `acquire`, which awaits it; until then a failure has no other listener.
      spare.catch(() => undefined);
      this.#spares.push(spare);
    }
  }

  /**
   * The cell of a key; made from the spare when there is none or the last one has ended.
   *
   * A cell never serves two keys, not even one after the other. One that is worn or full takes nobody new.
   *
   * @throws {HostError} `HOST_INTERNAL` when no cell starts, `HOST_DRAINING` after disposal
   */
  async acquire(key: string): Promise<Cell> {
    if (this.#stopped) throw new HostError('HOST_DRAINING', 'The host is shutting down');
    await this.#powers.admit?.(key);
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      const cell = await known.catch(() => undefined);
      const hasRoom = cell !== undefined && cell.slots < LIMITS.isolatesPerCell;
      if (hasRoom && !cell.ended && cell.worn === undefined) {
        clearTimeout(this.#lingering.get(cell));
        this.#lingering.delete(cell);
        return cell;
      }
      // Another caller may have replaced it while this one waited.
      if (this.#byKey.get(key) !== known) return this.acquire(key);
      if (cell !== undefined && !cell.ended) this.#retired.add(cell);
    }
    const fresh = this.#takeFor(key);
    this.#byKey.set(key, fresh);
    return fresh;
  }

  /** Ends a cell some time after its last isolate has gone; the trusted one stays until it is replaced. */
  release(key: string, cell: Cell): void {
    const isServing = !cell.worn && !this.#retired.has(cell);
    if ((key === TRUSTED_CELL && isServing) || cell.slots > 0 || cell.ended) return;
    clearTimeout(this.#lingering.get(cell));
    const end = (): void => {
      this.#lingering.delete(cell);
      if (cell.slots === 0) cell.kill({ cause: 'stopped', detail: 'no isolate left' });
    };
    this.#lingering.set(cell, setTimeout(end, LIMITS.cellLingerMs).unref());
  }

  /** Process ids of all living cells. */
  get pids(): readonly number[] {
    return [...this.#cells].map(({ pid }) => pid);
  }

  /** Kills every cell; callers drain first. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#refilling);
    for (const cell of [...this.#cells]) cell.kill({ cause: 'stopped', detail: 'the host stops' });
    await Promise.allSettled(this.#spares);
    this.#watchdog.stop();
  }

  async #takeFor(key: string): Promise<Cell> {
    const cell = await this.#take();
    this.#keyOf.set(cell, key);
    return cell;
  }

  async #take(): Promise<Cell> {
    for (let spare = this.#spares.shift(); spare !== undefined; spare = this.#spares.shift()) {
      const cell = await spare.catch(() => undefined);
      if (cell === undefined || cell.ended) continue;
      this.#refill();
      return cell;
    }
    const cell = await this.#start();
    this.#refill();
    return cell;
  }

  /** Starts the next spare once those that start now have had their time. */
  #refill(): void {
    this.#refilling ??= setTimeout(() => {
      this.#refilling = undefined;
      this.warm();
    }, LIMITS.spareRestMs).unref();
  }

  async #start(): Promise<Cell> {
    const platform = await this.#powers.platform();
    if (this.#stopped) throw new HostError('HOST_DRAINING', 'The host is shutting down');
    const child = this.#powers.spawnCell(platform.cell);
    const group = this.#powers.enclose?.(child, LIMITS.cellBaseMiB);
    const cell = new Cell(child, (ended, end) => this.#forget(ended, end), group);
    this.#cells.add(cell);
    await Promise.all([cell.greet(platform.greeting), group?.entered]);
    this.#powers.onCell({ type: 'started', pid: cell.pid });
    return cell;
  }

  #forget(cell: Cell, end: CellEnd): void {
    this.#cells.delete(cell);
    this.#retired.delete(cell);
    clearTimeout(this.#lingering.get(cell));
    this.#lingering.delete(cell);
    this.#watchdog.forget(cell);
    const key = this.#keyOf.get(cell);
    this.#keyOf.delete(cell);
    const whose = key === undefined ? {} : { key };
    this.#powers.onCell({ type: 'killed', pid: cell.pid, ...whose, end });
    // A pause, so that a machine on which no cell starts is not kept busy starting cells.
    setTimeout(() => this.warm(), LIMITS.respawnPauseMs).unref();
  }
}
