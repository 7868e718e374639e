// One stream of items to any number of readers. A reader that is too slow loses its stream, never the rest.

import { LIMITS } from '../limits.ts';

type Reader<T> = { readonly queue: T[]; wake: (() => void) | undefined; lost: boolean };

/** Publishes items to whoever reads at that time. */
export class Feed<T> {
  readonly #readers = new Set<Reader<T>>();
  readonly #listeners: ((item: T) => void)[] = [];

  /** Tells `listener` of every item at once, for as long as the feed lives; it must not throw. */
  listen(listener: (item: T) => void): void {
    this.#listeners.push(listener);
  }

  /** Who reads now. */
  get readers(): number {
    return this.#readers.size;
  }

  publish(item: T): void {
    for (const listener of this.#listeners) listener(item);
    for (const reader of this.#readers) {
      if (reader.queue.length >= LIMITS.streamBufferLines) reader.lost = true;
      else reader.queue.push(item);
      reader.wake?.();
    }
  }

  /** Items from now on, until `signal` aborts or the reader falls behind `LIMITS.streamBufferLines`. */
  subscribe(signal: AbortSignal): AsyncIterable<T> {
    const reader: Reader<T> = { queue: [], wake: undefined, lost: false };
    const leave = (): void => {
      this.#readers.delete(reader);
      reader.wake?.();
    };
    // Registered now, not at the first read: nothing published in between is lost. What was never read
    // from does not leave by itself either.
    this.#readers.add(reader);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    return this.#read(reader, signal);
  }

  async *#read(reader: Reader<T>, signal: AbortSignal): AsyncGenerator<T> {
    try {
      while (!signal.aborted) {
        const item = reader.queue.shift();
        if (item !== undefined) yield item;
        else if (reader.lost) return;
        else {
          await new Promise<void>((resolve) => {
            reader.wake = resolve;
          });
        }
      }
    } finally {
      this.#readers.delete(reader);
    }
  }
}
