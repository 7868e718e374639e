// Server-sent events over a feed: bounded, with a heartbeat, ended when the reader goes away.

import type { FastifyReply, FastifyRequest } from 'fastify';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** Streams open at this moment; closing ends them all. */
export class EventStreams {
  readonly #open = new Set<AbortController>();

  /**
   * Streams items as `event: <type>` and `data: <JSON>` until either side ends it.
   *
   * @throws {HostError} `HOST_OVERLOADED` over `LIMITS.streams`, and what the first read throws
   */
  async send<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    {
      open,
      typeOf,
    }: { open: (signal: AbortSignal) => AsyncIterable<T>; typeOf: (item: T) => string },
  ): Promise<void> {
    if (this.#open.size >= LIMITS.streams) {
      throw new HostError('HOST_OVERLOADED', `${LIMITS.streams} streams are open already`, {
        remedy: 'Close one that is not needed',
      });
    }
    const abort = new AbortController();
    this.#open.add(abort);
    request.raw.on('close', () => abort.abort());
    reply.raw.on('close', () => abort.abort());
    try {
      await pump(reply, abort, { items: open(abort.signal), typeOf });
    } finally {
      abort.abort();
      this.#open.delete(abort);
    }
  }

  /** Ends every stream. */
  close(): void {
    for (const abort of this.#open) abort.abort();
  }
}

async function pump<T>(
  reply: FastifyReply,
  abort: AbortController,
  { items, typeOf }: { items: AsyncIterable<T>; typeOf: (item: T) => string },
): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.write(': open\n\n');
  const heartbeat = setInterval(() => raw.write(': alive\n\n'), LIMITS.heartbeatMs);
  try {
    for await (const item of items) {
      raw.write(`event: ${typeOf(item)}\ndata: ${JSON.stringify(item)}\n\n`);
      if (raw.writableNeedDrain) await drained(raw, abort.signal);
    }
  } finally {
    clearInterval(heartbeat);
    raw.end();
  }
}

function drained(raw: FastifyReply['raw'], signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    raw.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
