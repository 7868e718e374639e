// Bodies that cross the pipe in chunks: one direction each, never more than a window ahead.

import { LIMITS } from '../limits.ts';

/** A body on its way from the guest: chunks pushed in by frames, pulled out by a capability. */
export class Upload {
  #chunks: Buffer[] = [];
  #done = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;
  /** Chunks that were read and not given credit for. */
  #owed = 0;
  readonly #credit: (chunks: number) => void;

  /** @param credit Tells the guest that it may send that many chunks more */
  constructor(credit: (chunks: number) => void) {
    this.#credit = credit;
  }

  /** Takes a chunk. @returns false when the guest ignored its window or the size of a chunk */
  push(chunk: Buffer): boolean {
    if (this.#done) return true;
    if (chunk.length > LIMITS.streamChunkBytes) return false;
    if (this.#chunks.length >= LIMITS.streamWindowChunks + 1) return false;
    this.#chunks.push(chunk);
    this.#wake?.();
    return true;
  }

  end(error?: Error): void {
    this.#done = true;
    this.#error = error;
    this.#wake?.();
  }

  async *read(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#taken();
        yield chunk;
      } else if (this.#error !== undefined) {
        throw this.#error;
      } else if (this.#done) {
        return;
      } else {
        await this.#next();
      }
    }
  }

  #taken(): void {
    this.#owed += 1;
    if (this.#owed < LIMITS.streamCreditChunks) return;
    this.#credit(this.#owed);
    this.#owed = 0;
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** A body on its way to the guest: sends while the guest has given credit. */
export class Download {
  #credit: number = LIMITS.streamWindowChunks;
  #wake: (() => void) | undefined;
  #gone = false;

  grant(chunks: number): void {
    if (!Number.isInteger(chunks) || chunks < 1) return;
    this.#credit = Math.min(this.#credit + chunks, LIMITS.streamWindowChunks);
    this.#wake?.();
  }

  /** Stops the pump; the source is closed. */
  abandon(): void {
    this.#gone = true;
    this.#wake?.();
  }

  /**
   * Sends every chunk of `body`, cut to `LIMITS.streamChunkBytes`. Rejects when the source fails.
   *
   * @param room Waits while the pipe is full; undefined when it is not
   */
  async pump(
    body: AsyncIterable<Uint8Array>,
    { send, room }: { send: (chunk: Buffer) => void; room: () => Promise<void> | undefined },
  ): Promise<void> {
    for await (const bytes of body) {
      for (let at = 0; at < bytes.length; at += LIMITS.streamChunkBytes) {
        while (this.#credit === 0 && !this.#gone) await this.#next();
        const full = room();
        if (full !== undefined) await full;
        if (this.#gone) return;
        this.#credit -= 1;
        const end = Math.min(at + LIMITS.streamChunkBytes, bytes.length);
        send(Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at));
      }
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
