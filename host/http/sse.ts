// Server-sent events over a feed: bounded, with a heartbeat. Ended when the reader goes away, falls
// behind or may no longer read, and when the host ends. The feed itself holds the buffer of a reader.

import { once } from 'node:events';

import type { FastifyReply, FastifyRequest } from 'fastify';

import { HostError, toErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { SAFE_HEADERS } from './headers.ts';

/** Why a stream ended, as its last event says it; a reader that is gone is not told. */
const ENDS = {
  shutdown: 'The host is shutting down: connect again',
  revoked: 'The token is no longer good for this stream',
  behind: `This reader fell over ${LIMITS.streamBufferLines} items behind: connect again`,
} as const;

/** What a stream carries. */
export type Source<T> = {
  readonly open: (signal: AbortSignal) => AsyncIterable<T>;
  readonly typeOf: (item: T) => string;
};

/** What streams need. */
export type StreamPowers = {
  /** Asked at every heartbeat: a token may be revoked or expire while its stream is open. */
  readonly isStillAdmitted: (request: FastifyRequest) => Promise<boolean>;
  /** Told about bugs: the reader gets a code without text. */
  readonly onError: (error: unknown) => void;
  readonly nowMs: () => number;
};

/** Streams open at this moment; closing ends them all. */
export class EventStreams {
  readonly #powers: StreamPowers;
  readonly #open = new Set<AbortController>();
  #closed = false;

  constructor(powers: StreamPowers) {
    this.#powers = powers;
  }

  /** Streams open now. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Streams items as `event: <type>` and `data: <JSON>` until either side ends it.
   *
   * A source that fails later ends its stream with `event: error`; the reply has begun by then.
   *
   * @throws {HostError} `HOST_OVERLOADED` over `LIMITS.streams`, `HOST_DRAINING` after `close`
   */
  async send<T>(request: FastifyRequest, reply: FastifyReply, source: Source<T>): Promise<void> {
    if (this.#closed) throw new HostError('HOST_DRAINING', 'The host is shutting down');
    if (this.#open.size >= LIMITS.streams) {
      throw new HostError('HOST_OVERLOADED', `${LIMITS.streams} streams are open already`, {
        remedy: 'Close one that is not needed',
      });
    }
    const end = new AbortController();
    this.#open.add(end);
    reply.raw.once('close', () => end.abort('gone'));
    try {
      const items = source.open(end.signal);
      startStream(request, reply);
      await this.#pump(request, reply.raw, { items, typeOf: source.typeOf, end });
    } finally {
      end.abort('gone');
      this.#open.delete(end);
    }
  }

  /** Ends every stream, and takes no more. */
  close(): void {
    this.#closed = true;
    for (const end of this.#open) end.abort('shutdown');
  }

  async #pump<T>(
    request: FastifyRequest,
    raw: FastifyReply['raw'],
    stream: {
      items: AsyncIterable<T>;
      typeOf: (item: T) => string;
      end: AbortController;
    },
  ): Promise<void> {
    const { items, typeOf, end } = stream;
    const { nowMs, onError } = this.#powers;
    const reader = { stuck: false };
    const heartbeat = setInterval(
      () => this.#beat(request, raw, { reader, end }),
      LIMITS.heartbeatMs,
    );
    try {
      for await (const item of items) {
        if (end.signal.aborted) break;
        raw.write(eventText(typeOf(item), item));
        if (raw.writableNeedDrain) await drained(raw, end.signal);
        reader.stuck = false;
      }
      const reason = endOf(end.signal);
      const at = new Date(nowMs()).toISOString();
      if (reason !== undefined) {
        raw.write(eventText('end', { at, level: 'warn', reason, message: ENDS[reason] }));
      }
    } catch (error) {
      if (!(error instanceof HostError)) onError(error);
      if (!end.signal.aborted) raw.write(eventText('error', toErrorData(error)));
    } finally {
      clearInterval(heartbeat);
      raw.end();
    }
  }

  #beat(
    request: FastifyRequest,
    raw: FastifyReply['raw'],
    { reader, end }: { reader: { stuck: boolean }; end: AbortController },
  ): void {
    const { isStillAdmitted, onError } = this.#powers;
    if (raw.writableNeedDrain) {
      // One that took nothing in for a whole interval holds a place and reads nothing.
      if (reader.stuck) {
        end.abort('gone');
        raw.destroy();
      }
      reader.stuck = true;
      return;
    }
    raw.write(': alive\n\n');
    isStillAdmitted(request).then((admitted) => {
      if (!admitted) end.abort('revoked');
    }, onError);
  }
}

function startStream(request: FastifyRequest, reply: FastifyReply): void {
  reply.hijack();
  reply.raw.writeHead(200, {
    ...SAFE_HEADERS,
    'x-request-id': request.id,
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
  });
  reply.raw.write(': open\n\n');
}

/** JSON holds no line break, so that one `data:` line carries it all. */
function eventText(type: string, value: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(value)}\n\n`;
}

/** A source that ends by itself does so because its reader fell behind. */
function endOf(signal: AbortSignal): keyof typeof ENDS | undefined {
  if (!signal.aborted) return 'behind';
  return signal.reason === 'shutdown' || signal.reason === 'revoked' ? signal.reason : undefined;
}

async function drained(raw: FastifyReply['raw'], signal: AbortSignal): Promise<void> {
  try {
    await once(raw, 'drain', { signal });
  } catch (error) {
    // AbortError: the stream ends, there is nothing to wait for.
    if (!signal.aborted) throw error;
  }
}
