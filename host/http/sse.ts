// Replies that are written as they come: server-sent events over a feed, which holds the buffer of a
// reader, and lines of JSON over a store, which is asked for more only when the reader has taken the last.
// Bounded in number. Ended when the reader goes away, takes nothing in or may no longer read, and when the
// host ends.

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

/** How items are written. */
type Form<T> = {
  readonly mediaType: string;
  /** The first words, and those of a heartbeat; '' where none may stand between items. */
  readonly opening: string;
  readonly beat: string;
  readonly textOf: (item: T) => string;
  /** Last words; absent: an end that is not the source's own breaks the connection, or it would look whole. */
  readonly lastWords?: (type: 'end' | 'error', value: unknown) => string;
};

/** JSON holds no line break, so that one `data:` line carries it all. */
function eventText(type: string, value: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(value)}\n\n`;
}

/** The media type of JSON, one value in each line. */
export const LINES_TYPE = 'application/x-ndjson';

const LINES: Form<unknown> = {
  mediaType: LINES_TYPE,
  opening: '',
  beat: '',
  textOf: (item) => `${JSON.stringify(item)}\n`,
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
  /** By whose token they were opened */
  readonly #open = new Map<AbortController, string | undefined>();
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
   * @throws {HostError} `HOST_OVERLOADED` over `LIMITS.streams` or `streamsPerToken`, `HOST_DRAINING` after `close`
   */
  send<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    { open, typeOf }: Source<T>,
  ): Promise<void> {
    const form: Form<T> = {
      mediaType: 'text/event-stream; charset=utf-8',
      opening: ': open\n\n',
      beat: ': alive\n\n',
      textOf: (item) => eventText(typeOf(item), item),
      lastWords: eventText,
    };
    return this.#stream(request, reply, { open, form });
  }

  /**
   * Sends items as lines of JSON until there are no more. What ends before breaks the connection off.
   *
   * @throws {HostError} As `send`
   */
  sendLines(
    request: FastifyRequest,
    reply: FastifyReply,
    open: Source<unknown>['open'],
  ): Promise<void> {
    return this.#stream(request, reply, { open, form: LINES });
  }

  async #stream<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    { open, form }: { readonly open: Source<T>['open']; readonly form: Form<T> },
  ): Promise<void> {
    if (this.#closed) throw new HostError('HOST_DRAINING', 'The host is shutting down');
    if (this.#open.size >= LIMITS.streams) {
      throw new HostError('HOST_OVERLOADED', `${LIMITS.streams} streams are open already`, {
        remedy: 'Close one that is not needed',
      });
    }
    const reader = request.actor?.id;
    const own = [...this.#open.values()].filter((id) => id === reader).length;
    if (own >= LIMITS.streamsPerToken) {
      throw new HostError('HOST_OVERLOADED', `This token holds ${own} streams already`, {
        remedy: 'Close one that is not needed',
      });
    }
    const end = new AbortController();
    this.#open.set(end, reader);
    reply.raw.once('close', () => end.abort('gone'));
    try {
      const items = open(end.signal);
      startStream(request, reply, form);
      await this.#pump(request, reply.raw, { items, form, end });
    } finally {
      end.abort('gone');
      this.#open.delete(end);
    }
  }

  /** Ends every stream, and takes no more. */
  close(): void {
    this.#closed = true;
    for (const end of this.#open.keys()) end.abort('shutdown');
  }

  async #pump<T>(
    request: FastifyRequest,
    raw: FastifyReply['raw'],
    stream: {
      items: AsyncIterable<T>;
      form: Form<T>;
      end: AbortController;
    },
  ): Promise<void> {
    const { items, form, end } = stream;
    const { nowMs, onError } = this.#powers;
    const reader = { stuck: false };
    const heartbeat = setInterval(
      () => this.#beat(request, raw, { reader, beat: form.beat, end }),
      LIMITS.heartbeatMs,
    );
    try {
      for await (const item of items) {
        if (end.signal.aborted) break;
        raw.write(form.textOf(item));
        if (raw.writableNeedDrain) await drained(raw, end.signal);
        reader.stuck = false;
      }
      const reason = endOf(end.signal);
      const at = new Date(nowMs()).toISOString();
      if (form.lastWords === undefined) {
        if (end.signal.aborted) raw.destroy();
      } else if (reason !== undefined) {
        raw.write(form.lastWords('end', { at, level: 'warn', reason, message: ENDS[reason] }));
      }
    } catch (error) {
      if (!(error instanceof HostError)) onError(error);
      if (form.lastWords === undefined) raw.destroy();
      else if (!end.signal.aborted) raw.write(form.lastWords('error', toErrorData(error)));
    } finally {
      clearInterval(heartbeat);
      raw.end();
    }
  }

  #beat(
    request: FastifyRequest,
    raw: FastifyReply['raw'],
    { reader, beat, end }: { reader: { stuck: boolean }; beat: string; end: AbortController },
  ): void {
    const { isStillAdmitted, onError } = this.#powers;
    // Also of one that reads slowly: it would be served for as long as it is never up to date.
    isStillAdmitted(request).then((admitted) => {
      if (!admitted) end.abort('revoked');
    }, onError);
    if (raw.writableNeedDrain) {
      // One that took nothing in for a whole interval holds a place and reads nothing.
      if (reader.stuck) {
        end.abort('gone');
        raw.destroy();
      }
      reader.stuck = true;
      return;
    }
    if (beat !== '') raw.write(beat);
  }
}

function startStream(
  request: FastifyRequest,
  reply: FastifyReply,
  { mediaType, opening }: Pick<Form<never>, 'mediaType' | 'opening'>,
): void {
  reply.hijack();
  reply.raw.writeHead(200, {
    ...SAFE_HEADERS,
    'x-request-id': request.id,
    'content-type': mediaType,
    'x-accel-buffering': 'no',
  });
  // Without a word the headers would wait for the first item.
  if (opening === '') reply.raw.flushHeaders();
  else reply.raw.write(opening);
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
