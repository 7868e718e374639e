// Log lines of instances: the last ones kept for reading back, all of them live to whoever listens.
// A flood is counted and dropped with one notice; secrets are scrubbed before a line comes here.

import { LIMITS } from '../limits.ts';
import { Feed } from './feed.ts';
import type { LogLine } from '../broker/receipt.ts';

type Kept = {
  readonly lines: LogLine[];
  second: number;
  written: number;
  bytes: number;
  dropped: number;
};

/** A line and its length before it is read. */
type Unread = { readonly bytes: number; read(): Omit<LogLine, 'at' | 'instance'> };

/** Lines of all instances. */
export class InstanceLogs {
  readonly #nowMs: () => number;
  readonly #onLine: (line: LogLine) => void;
  readonly #kept = new Map<string, Kept>();
  readonly #feeds = new Map<string, Feed<LogLine>>();

  constructor(nowMs: () => number, onLine: (line: LogLine) => void) {
    this.#nowMs = nowMs;
    this.#onLine = onLine;
  }

  /** Writes one line of an instance, which is read unless it is dropped. */
  write(instance: string, line: Unread, callId?: string): void {
    const kept = this.#keptOf(instance);
    const second = Math.floor(this.#nowMs() / 1_000);
    if (kept.second !== second) {
      const { dropped } = kept;
      Object.assign(kept, { second, written: 0, bytes: 0, dropped: 0 });
      if (dropped > 0) {
        const message = `${dropped} log lines were dropped: at most ${LIMITS.logLinesPerSecond} a second, of ${LIMITS.logBytesPerSecond} bytes together`;
        this.#add(instance, kept, { level: 'warn', message });
      }
    }
    kept.written += 1;
    kept.bytes += line.bytes;
    const { logLinesPerSecond, logBytesPerSecond } = LIMITS;
    if (kept.written > logLinesPerSecond || kept.bytes > logBytesPerSecond) kept.dropped += 1;
    else {
      const read = line.read();
      this.#add(instance, kept, callId === undefined ? read : { ...read, callId });
    }
  }

  /** The kept lines, then live ones until `signal` aborts. */
  async *read(instance: string, signal: AbortSignal): AsyncGenerator<LogLine> {
    const feed = this.#feeds.get(instance) ?? new Feed<LogLine>();
    this.#feeds.set(instance, feed);
    const live = feed.subscribe(signal);
    for (const line of [...this.#keptOf(instance).lines]) yield line;
    yield* live;
  }

  /** Who reads the live lines of an instance. */
  readers(instance: string): number {
    return this.#feeds.get(instance)?.readers ?? 0;
  }

  /** Forgets an instance. */
  remove(instance: string): void {
    this.#kept.delete(instance);
  }

  #add(instance: string, kept: Kept, line: Omit<LogLine, 'at' | 'instance'>): void {
    const full = { at: new Date(this.#nowMs()).toISOString(), instance, ...line };
    kept.lines.push(full);
    if (kept.lines.length > LIMITS.logLinesPerInstance) kept.lines.shift();
    this.#feeds.get(instance)?.publish(full);
    this.#onLine(full);
  }

  #keptOf(instance: string): Kept {
    const known = this.#kept.get(instance);
    if (known !== undefined) return known;
    const made = { lines: [], second: 0, written: 0, bytes: 0, dropped: 0 };
    this.#kept.set(instance, made);
    return made;
  }
}
