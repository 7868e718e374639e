// Log lines of instances: the last ones kept for reading back, all of them live to whoever listens.
// A flood is counted and dropped with one notice; secrets are scrubbed before a line comes here.

import { LIMITS } from '../limits.ts';
import { Feed } from './feed.ts';
import type { LogLine } from '../broker/receipt.ts';

type Kept = { readonly lines: LogLine[]; second: number; written: number; dropped: number };

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

  /** Writes one line of an instance. */
  write(instance: string, line: Omit<LogLine, 'at' | 'instance'>): void {
    const kept = this.#keptOf(instance);
    const second = Math.floor(this.#nowMs() / 1_000);
    if (kept.second !== second) {
      const { dropped } = kept;
      Object.assign(kept, { second, written: 0, dropped: 0 });
      if (dropped > 0) {
        const message = `${dropped} log lines were dropped: at most ${LIMITS.logLinesPerSecond} a second`;
        this.#add(instance, kept, { level: 'warn', message });
      }
    }
    kept.written += 1;
    if (kept.written > LIMITS.logLinesPerSecond) kept.dropped += 1;
    else this.#add(instance, kept, line);
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
    const made = { lines: [], second: 0, written: 0, dropped: 0 };
    this.#kept.set(instance, made);
    return made;
  }
}
