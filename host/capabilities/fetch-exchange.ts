// One request on a connection and its answer as it comes in: undici hands the pieces over, this holds at
// most a bounded part of them until they are read. Ends by itself at its deadline or with its call.

import type { Dispatcher } from 'undici';

import type { CancelListener } from '../cancellation.ts';
import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { CallScope } from './capability.ts';
import { headersTooLarge, remoteError } from './remote-errors.ts';

/** The first part of an answer; header names in lower case, values as bytes read as Latin-1. */
export type Head = {
  readonly status: number;
  readonly statusText: string;
  readonly headers: [string, string][];
};

type Bounds = {
  /** As it may be shown. */
  readonly hostname: string;
  readonly scope: Pick<CallScope, 'cancellation' | 'usage'>;
  /** Milliseconds until the call's deadline. */
  readonly remainingMs: number;
};

/** Give it to `dispatch` of a pool once, then await `head`, then `whole`, `body` or `discard`. */
export class Exchange implements Dispatcher.DispatchHandler, CancelListener {
  /** @throws {HostError} */
  readonly head: Promise<Head>;
  readonly #bounds: Bounds;
  readonly #startedMs = performance.now();
  readonly #settleHead: { resolve: (head: Head) => void; reject: (error: HostError) => void };
  #timer: NodeJS.Timeout | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #state: 'open' | 'ended' | 'failed' = 'open';
  #failure: HostError | undefined;
  #discards = false;
  #chunks: Buffer[] = [];
  #held = 0;
  #received = 0;
  #wake: (() => void) | undefined;
  #onClosed: (() => void) | undefined;

  constructor(bounds: Bounds) {
    const { promise, resolve, reject } = Promise.withResolvers<Head>();
    this.head = promise;
    this.#settleHead = { resolve, reject };
    this.#bounds = bounds;
    const { scope, hostname, remainingMs } = bounds;
    scope.cancellation.listen(this);
    const waitMs = Math.max(1, Math.min(LIMITS.firstByteMs, remainingMs));
    this.#failIn(waitMs, `"${hostname}" did not answer in ${Math.round(waitMs)} ms`);
    if (scope.cancellation.cancelled) this.onCancel();
  }

  /** Nobody waits for it any more. */
  onCancel(): void {
    const { hostname } = this.#bounds;
    this.#fail(new HostError('CALLER_CANCELLED', `The request to "${hostname}" was given up`));
  }

  /** The bytes that are held. */
  take(): Buffer {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#held = 0;
    return chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
  }

  /**
   * Waits for a small body.
   *
   * @returns Whether all of it is here; false when it is too large or too slow to wait for
   * @throws {HostError} When it broke off
   */
  async whole(contentLength: number): Promise<boolean> {
    if (this.#state === 'open') {
      const { hostname, remainingMs } = this.#bounds;
      const leftMs = remainingMs - (performance.now() - this.#startedMs);
      this.#failIn(Math.max(1, leftMs), `The body of "${hostname}" did not end in time`);
      if (contentLength <= LIMITS.inlineBodyBytes) {
        await this.#until(() => this.#held > LIMITS.inlineBodyBytes, LIMITS.inlineBodyWaitMs);
      }
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#state === 'ended' && this.#held <= LIMITS.inlineBodyBytes;
  }

  /** The body, pulled: the remote waits while more than `LIMITS.heldBodyBytes` are not read. */
  body(): AsyncIterableIterator<Buffer> {
    const next = async (): Promise<IteratorResult<Buffer, undefined>> => {
      for (;;) {
        const value = this.#chunks.shift();
        if (value !== undefined) {
          this.#held -= value.length;
          if (this.#held < LIMITS.heldBodyBytes) this.#controller?.resume();
          return { done: false, value };
        }
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#state === 'ended') return { done: true, value: undefined };
        await this.#until(() => this.#chunks.length > 0);
      }
    };
    // Written out: a generator that was never started would not clean up when it is given back.
    return {
      next,
      return: () => {
        this.discard();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Nobody wants the body: a small rest is read away to keep the connection, a large one ends it. */
  discard(): void {
    this.#chunks = [];
    this.#held = 0;
    if (this.#state !== 'open' || this.#discards) return;
    this.#discards = true;
    this.#received = 0;
    this.#failIn(LIMITS.discardMs, 'The rest of the body is not wanted');
    this.#controller?.resume();
  }

  /** Calls back once the connection is free again; at once when it is. */
  whenClosed(done: () => void): void {
    if (this.#state === 'open') this.#onClosed = done;
    else done();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure !== undefined) controller.abort(this.#failure);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText = '',
  ): void {
    if (status < 200) return;
    clearTimeout(this.#timer);
    const headers = pairsOf(controller.rawHeaders);
    const bytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    // Over HTTP/1.1 the parser has counted; over HTTP/2 it stops somewhat later than we do.
    if (bytes > LIMITS.responseHeaderBytes)
      return this.#fail(headersTooLarge(this.#bounds.hostname));
    this.#settleHead.resolve({ status, statusText, headers });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#received += chunk.length;
    if (this.#discards) {
      if (this.#received > LIMITS.inlineBodyBytes) this.#failIn(1, 'The body is not wanted');
      return;
    }
    const { scope, hostname } = this.#bounds;
    scope.usage.bytesIn += chunk.length;
    if (this.#received > LIMITS.responseBodyBytes) {
      const limit = LIMITS.responseBodyBytes;
      this.#fail(
        new HostError('EGRESS_LIMIT', `The answer of "${hostname}" is over ${limit} bytes`, {
          remedy: 'Ask the vendor for less at a time',
          details: { limit },
        }),
      );
      return;
    }
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held >= LIMITS.heldBodyBytes) controller.pause();
    this.#wake?.();
  }

  onResponseEnd(): void {
    this.#close('ended');
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#fail(remoteError(error, this.#bounds.hostname));
  }

  #fail(failure: HostError): void {
    if (this.#state !== 'open') return;
    this.#failure = failure;
    this.#close('failed');
    this.#settleHead.reject(failure);
    this.#controller?.abort(failure);
  }

  #close(state: 'ended' | 'failed'): void {
    this.#state = state;
    clearTimeout(this.#timer);
    this.#bounds.scope.cancellation.forget(this);
    this.#wake?.();
    this.#onClosed?.();
  }

  /** Waits for something to be so, for the end of the body, or for some time. One waiter at a time. */
  #until(isSo: () => boolean, waitMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = waitMs === undefined ? undefined : setTimeout(done, waitMs);
      const wake = (): void => {
        if (this.#state !== 'open' || isSo()) done();
      };
      this.#wake = wake;
    });
  }

  #failIn(ms: number, message: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fail(new HostError('REMOTE_TIMED_OUT', message)), ms);
  }
}

/** Over HTTP/1.1 undici gives names and values in turn, as bytes; over HTTP/2 an object. */
function pairsOf(raw: Dispatcher.DispatchController['rawHeaders']): [string, string][] {
  const pairs: [string, string][] = [];
  if (!Array.isArray(raw)) {
    for (const [name, value = ''] of Object.entries(raw ?? {})) {
      if (name.startsWith(':')) continue;
      for (const each of [value].flat()) pairs.push([name.toLowerCase(), String(each)]);
    }
    return pairs;
  }
  for (let at = 0; at + 1 < raw.length; at += 2) {
    pairs.push([latin1(raw[at]).toLowerCase(), latin1(raw[at + 1])]);
  }
  return pairs;
}

function latin1(value: Buffer | string | undefined): string {
  return typeof value === 'string' ? value : (value?.toString('latin1') ?? '');
}
