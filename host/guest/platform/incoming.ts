// A body on its way from the host: chunks that have arrived and the credit that lets more come.

import { LIMITS } from '../../limits.ts';
import { abandon, credit } from '../bridge.ts';
import type { WireError } from '../bridge.ts';

type Waiter = { resolve: (bytes: Uint8Array | null) => void; reject: (error: unknown) => void };

/** Reads a streamed reply chunk by chunk. */
export class Incoming {
  readonly #request: number;
  readonly #toError: (error: WireError) => unknown;
  #chunks: Uint8Array[] = [];
  #done = false;
  #failure: { error: unknown } | undefined;
  #waiter: Waiter | undefined;
  /** Chunks that were read and not given credit for. */
  #owed = 0;

  constructor(request: number, toError: (error: WireError) => unknown) {
    this.#request = request;
    this.#toError = toError;
  }

  /** The next chunk, or null at the end. One reader at a time. */
  read(): Promise<Uint8Array | null> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#taken();
      return Promise.resolve(chunk);
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error as Error);
    if (this.#done) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** Nobody wants the rest. */
  cancel(): void {
    this.fail(new TypeError('The body was cancelled'));
    abandon(this.#request);
  }

  push(bytes: Uint8Array): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter === undefined) {
      this.#chunks.push(bytes);
      return;
    }
    this.#taken();
    waiter.resolve(bytes);
  }

  #taken(): void {
    this.#owed += 1;
    if (this.#owed < LIMITS.streamCreditChunks) return;
    credit(this.#request, this.#owed);
    this.#owed = 0;
  }

  end(): void {
    this.#done = true;
    this.#waiter?.resolve(null);
  }

  broken(error: WireError): void {
    this.fail(this.#toError(error));
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#chunks = [];
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }
}
