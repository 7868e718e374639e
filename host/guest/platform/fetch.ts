// fetch: the request goes to the host as data, the answer comes back in the reply or in chunks.
// Decides nothing: whether and where it goes is the host's.

import { abandon, request as askHost, uploadChunk, uploadEnd } from '../bridge.ts';
import type { WireError } from '../bridge.ts';
import { LIMITS } from '../../limits.ts';
import { isSignal, onAbort } from './abort.ts';
import { bodyOf } from './body.ts';
import { readDataUrl } from './data-url.ts';
import type { Source } from './body.ts';
import { encodeText } from './encoding.ts';
import { headerList } from './headers.ts';
import { Incoming } from './incoming.ts';
import { Request, requestState } from './request.ts';
import { createResponse } from './response.ts';
import type { Response } from './response.ts';

type Reply = {
  readonly status: number;
  readonly statusText: string;
  readonly headers: [string, string][];
  readonly url: string;
  readonly redirected: boolean;
  readonly body: { readonly text: string } | { readonly base64: string } | null;
};

/** `fetch` on behalf of one call; 0 charges the call that runs. */
export function fetchFor(call: number, input: unknown, init: unknown): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = new Request(input, init as Record<string, unknown> | undefined);
    start(call, request, resolve, reject);
  });
}

function start(
  call: number,
  request: Request,
  resolve: (response: Response) => void,
  reject: (error: unknown) => void,
): void {
  const { url, method, headers, redirect, signal } = requestState(request);
  if (isSignal(signal)) signal.throwIfAborted();
  if (url.startsWith('data:')) return resolve(inlineResponse(url));
  const state = bodyOf(request);
  const { source } = state;
  if (source !== null) state.used = true;
  let incoming: Incoming | undefined;
  let forget = (): void => undefined;
  const payload = { url, method, headers: headerList(headers), redirect, ...bodyField(source) };
  const upload = source?.kind === 'stream' ? new Outgoing(source.stream) : undefined;
  const id = askHost(call, 'fetch', payload, {
    reply(value, follows) {
      const { body, ...head } = value as Reply;
      if (follows) incoming = new Incoming(id, networkError);
      else forget();
      resolve(createResponse(head, replySource(body, incoming)));
    },
    refuse(error) {
      forget();
      upload?.stop();
      reject(networkError(error));
    },
    chunk: (bytes) => incoming?.push(bytes),
    end: () => {
      forget();
      incoming?.end();
    },
    broken: (error) => {
      forget();
      incoming?.broken(error);
    },
    credit: (chunks) => upload?.credit(chunks),
  });
  upload?.start(id);
  if (!isSignal(signal)) return;
  forget = onAbort(signal, () => {
    abandon(id);
    upload?.stop();
    reject(signal.reason);
    incoming?.fail(signal.reason);
  });
}

function inlineResponse(url: string): Response {
  const read = readDataUrl(url);
  if (read === undefined) throw new TypeError('The data: address is malformed');
  const headers: [string, string][] = [['content-type', read.type]];
  const head = { status: 200, statusText: 'OK', headers, url, redirected: false };
  return createResponse(head, { kind: 'bytes', bytes: read.bytes });
}

function bodyField(source: Source | null): object {
  if (source === null) return {};
  if (source.kind === 'text') return { body: { text: source.text } };
  if (source.kind === 'bytes') return { body: { base64: source.bytes.toBase64() } };
  return { upload: true };
}

function replySource(body: Reply['body'], incoming: Incoming | undefined): Source | null {
  if (incoming !== undefined) return { kind: 'incoming', incoming };
  if (body === null || body === undefined) return null;
  if ('text' in body) return { kind: 'text', text: body.text };
  const bytes = Uint8Array.fromBase64(body.base64) as Uint8Array<ArrayBuffer>;
  return { kind: 'bytes', bytes };
}

/** What fetch rejects with: a TypeError as the standard says, with the host's code and remedy on it. */
function networkError({ message, code, remedy, details }: WireError): TypeError {
  const more = { ...(details as object | undefined), ...(remedy === undefined ? {} : { remedy }) };
  return Object.assign(new TypeError(message), { code, details: more });
}

/** A streamed request body: sends while the host has given credit. */
class Outgoing {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #credit: number = LIMITS.streamWindowChunks;
  #wake: (() => void) | undefined;
  #stopped = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  start(id: number): void {
    this.#pump(id).catch((error: unknown) => {
      if (!this.#stopped) uploadEnd(id, error instanceof Error ? error.message : 'The body failed');
    });
  }

  credit(chunks: number): void {
    this.#credit += chunks;
    this.#wake?.();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wake?.();
    // The source may refuse to be cancelled; nobody waits for it.
    this.#reader.cancel().catch(() => undefined);
  }

  async #pump(id: number): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (this.#stopped) return;
      if (done) return uploadEnd(id);
      const bytes = typeof value === 'string' ? encodeText(value) : value;
      if (!(bytes instanceof Uint8Array)) throw new TypeError('A body stream gives Uint8Arrays');
      for (let at = 0; at < bytes.length; at += LIMITS.streamChunkBytes) {
        while (this.#credit === 0 && !this.#stopped) await this.#next();
        if (this.#stopped) return;
        this.#credit -= 1;
        uploadChunk(id, bytes.subarray(at, at + LIMITS.streamChunkBytes));
      }
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
