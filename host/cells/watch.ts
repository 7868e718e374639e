// The watchdog: looks at every cell from outside and names those that must be killed.
// Natives that V8 cannot interrupt, memory that V8 does not count and work after a reply end here.

import { closeSync, openSync, readSync } from 'node:fs';

import { LIMITS } from '../limits.ts';
import type { Cell, CellEnd } from './cell.ts';

type Seen = {
  statFd: number;
  memoryFd: number;
  cpuTicks: number;
  cpuAtMs: number;
  pingTicks: number;
  lookedAtMs: number;
};

const PAGE_BYTES = 4096;
const MS_PER_TICK = 10;
const IDLE_LOOK_MS = 250;

/** Looks at cells on a timer; `kill` is called at most once per cell. */
export class Watchdog {
  readonly #cells: () => Iterable<Cell>;
  readonly #nowMs: () => number;
  readonly #seen = new Map<Cell, Seen>();
  readonly #timer: NodeJS.Timeout;
  #tickAtMs: number;

  constructor(cells: () => Iterable<Cell>, nowMs: () => number) {
    this.#cells = cells;
    this.#nowMs = nowMs;
    this.#tickAtMs = nowMs();
    this.#timer = setInterval(() => this.#tick(), LIMITS.watchMs);
    this.#timer.unref();
  }

  /** Forgets a cell that has ended. */
  forget(cell: Cell): void {
    const seen = this.#seen.get(cell);
    if (seen === undefined) return;
    this.#seen.delete(cell);
    for (const fd of [seen.statFd, seen.memoryFd]) if (fd >= 0) closeSync(fd);
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const cell of [...this.#seen.keys()]) this.forget(cell);
  }

  #tick(): void {
    const now = this.#nowMs();
    // When this process itself was held up, pongs may lie unread: judge silence at the next look.
    const late = now - this.#tickAtMs > LIMITS.watchMs * 4;
    this.#tickAtMs = now;
    for (const cell of this.#cells()) {
      if (cell.ended || !cell.greeted) continue;
      const seen = this.#look(cell, now);
      const busy = cell.running > 0;
      if (!busy && now - seen.lookedAtMs < IDLE_LOOK_MS) continue;
      seen.lookedAtMs = now;
      const end = this.#judge(cell, seen, { now, late, busy });
      if (end !== undefined) cell.kill(end);
      else if (cell.slots > 0 && cell.pingedAtMs === 0) {
        cell.ping(now);
        seen.pingTicks = readCpuTicks(seen.statFd);
      }
    }
  }

  #judge(
    cell: Cell,
    seen: Seen,
    { now, late, busy }: { now: number; late: boolean; busy: boolean },
  ): CellEnd | undefined {
    const silentMs = cell.pingedAtMs === 0 ? 0 : now - cell.pingedAtMs;
    if (!late && isStuck(cell, seen, silentMs)) {
      return { cause: 'silent', detail: `no sign of life for ${Math.round(silentMs)} ms` };
    }
    const residentMiB = readResidentBytes(seen.memoryFd) / 2 ** 20;
    cell.residentMiB = residentMiB;
    if (residentMiB > cell.memoryMiB) {
      const detail = `${Math.round(residentMiB)} MiB resident, ${cell.memoryMiB} allowed`;
      return { cause: 'memory', detail };
    }
    return this.#judgeIdle(cell, seen, { now, busy });
  }

  #judgeIdle(
    cell: Cell,
    seen: Seen,
    { now, busy }: { now: number; busy: boolean },
  ): CellEnd | undefined {
    if (busy || cell.slots === 0) {
      seen.cpuAtMs = 0;
      return undefined;
    }
    const windowMs = now - seen.cpuAtMs;
    if (seen.cpuAtMs !== 0 && windowMs < LIMITS.idleCpuWindowMs) return undefined;
    const ticks = readCpuTicks(seen.statFd);
    const share = ((ticks - seen.cpuTicks) * MS_PER_TICK) / windowMs;
    const judged = seen.cpuAtMs !== 0 && share > LIMITS.idleCpuShare;
    seen.cpuTicks = ticks;
    seen.cpuAtMs = now;
    if (!judged) return undefined;
    return {
      cause: 'idle-cpu',
      detail: `used ${Math.round(share * 100)} % of a core with no call running`,
    };
  }

  #look(cell: Cell, now: number): Seen {
    const known = this.#seen.get(cell);
    if (known !== undefined) return known;
    const pid = findWorker(cell.pid);
    const seen = {
      statFd: openProc(pid, 'stat'),
      memoryFd: openProc(pid, 'statm'),
      cpuTicks: 0,
      cpuAtMs: 0,
      pingTicks: 0,
      lookedAtMs: now,
    };
    this.#seen.set(cell, seen);
    return seen;
  }
}

/** Whether silence is more than turns at their limit, or a machine that has no time for the cell, explain. */
function isStuck({ turnsMs }: Cell, { statFd, pingTicks }: Seen, silentMs: number): boolean {
  if (silentMs <= turnsMs + LIMITS.silenceGraceMs) return false;
  if (statFd < 0 || silentMs > turnsMs + LIMITS.starvedGraceMs) return true;
  return (readCpuTicks(statFd) - pingTicks) * MS_PER_TICK >= turnsMs;
}

/** The process that does the work: bubblewrap stays above it, twice, and a cell itself starts none. */
function findWorker(pid: number): number {
  const fd = openProc(pid, `task/${pid}/children`);
  if (fd < 0) return pid;
  const [child, ...others] = readProc(fd).trim().split(' ').filter(Boolean);
  closeSync(fd);
  return child === undefined || others.length > 0 ? pid : findWorker(Number(child));
}

/** −1 where there is no /proc (macOS, Windows) or the process has just ended. */
function openProc(pid: number, file: string): number {
  try {
    return openSync(`/proc/${pid}/${file}`, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return -1;
    throw error;
  }
}

const scratch = Buffer.alloc(1024);

function readProc(fd: number): string {
  if (fd < 0) return '';
  try {
    return scratch.toString('latin1', 0, readSync(fd, scratch, 0, scratch.length, 0));
  } catch (error) {
    // The process ended between two looks; its exit event follows.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return '';
    throw error;
  }
}

function readResidentBytes(fd: number): number {
  return Number(readProc(fd).split(' ')[1] ?? 0) * PAGE_BYTES;
}

/** User and system ticks; the command name before them may hold spaces, so count from its end. */
function readCpuTicks(fd: number): number {
  const text = readProc(fd);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}
