// HTTP as an attacker writes it: bytes on a socket, and whatever comes back.

import { createConnection } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What a request of the corpus says. */
export type WireRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number | readonly string[]>>;
  readonly body?: string;
  readonly raw?: string;
  readonly drip?: { readonly bytes: number; readonly rate_bps: number };
};

/** What came back; `status` 0 when nothing did. */
export type WireReply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly tookMs: number;
  /** Whether the other side ended the connection by itself. */
  readonly closed: boolean;
  /** How many replies stand in what came back. */
  readonly replies: number;
};

/** The longest that anything may take: the host cuts slow requests after a minute. */
const WAIT_MS = 75_000;
/** How long a connection that has been answered is watched for its end. */
const QUIET_MS = 300;

/** The bytes of a request; headers that begin with `_` are notes to the driver. */
export function bytesOf({ method, path, headers, body, drip }: WireRequest): Buffer {
  const pad = Number(headers['_pad_to'] ?? 0);
  const text = body ?? '';
  const full = Buffer.from(pad > text.length ? `${text.slice(0, -2)}${'x'.repeat(pad)}"}` : text);
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith('_') ? [] : [value].flat().map((each) => `${name}: ${each}`),
  );
  const length = drip?.bytes ?? full.length;
  const sizes = body === undefined && drip === undefined ? [] : [`content-length: ${length}`];
  const target = `${path}${String(headers['_query'] ?? '')}`;
  return Buffer.concat([
    Buffer.from(`${method} ${target} HTTP/1.1\r\nhost: x\r\n`, 'utf8'),
    Buffer.from(`${[...lines, ...sizes].join('\r\n')}\r\n\r\n`, 'latin1'),
    full,
  ]);
}

/** The bytes of `raw`, with what is repeated written out. */
export function rawBytes(raw: string): { readonly bytes: Buffer; readonly slow: boolean } {
  const slow = raw.startsWith('{{drip');
  const text = raw
    .replace(/^\{\{drip[^}]*\}\}/, '')
    .replaceAll(/\{\{(.)\*(\d+)\}\}/g, (_whole, char: string, count: string) =>
      char.repeat(Number(count)),
    );
  return { bytes: Buffer.from(text, 'latin1'), slow };
}

/** How bytes are sent, and for how long what comes back is watched. */
export type Manner = {
  /** One byte each second */
  readonly slow?: boolean;
  /** Beyond the reply: for the end of the connection, or for a reply that nobody asked for */
  readonly watched?: boolean;
  /** A loopback address that they come from */
  readonly from?: string | undefined;
};

/** Sends bytes and reads the reply. */
export async function exchange(
  url: string,
  bytes: Buffer,
  { slow = false, watched = false, from }: Manner = {},
): Promise<WireReply> {
  const { hostname, port } = new URL(url);
  const localAddress = from === undefined ? {} : { localAddress: from };
  const socket = createConnection({ host: hostname, port: Number(port), ...localAddress });
  const startMs = performance.now();
  let text = '';
  let closed = false;
  const over = Promise.withResolvers<void>();
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    if (isWhole(text)) over.resolve();
  });
  socket.on('end', () => (closed = true));
  // A reset is an end as well: the host refuses to read what is too large.
  socket.on('error', () => (closed = true));
  socket.on('close', () => {
    closed = true;
    over.resolve();
  });
  const timer = setTimeout(over.resolve, WAIT_MS);
  if (slow) await drip(socket, bytes, over.promise);
  else socket.write(bytes);
  await over.promise;
  clearTimeout(timer);
  const tookMs = performance.now() - startMs;
  if (watched && !closed)
    await Promise.race([wait(QUIET_MS), new Promise((done) => socket.once('close', done))]);
  socket.destroy();
  return {
    ...parseReply(text),
    tookMs,
    closed,
    replies: (text.match(/HTTP\/1\.1 \d{3} /g) ?? []).length,
  };
}

async function drip(
  socket: ReturnType<typeof createConnection>,
  bytes: Buffer,
  over: Promise<void>,
): Promise<void> {
  let isOver = false;
  void over.then(() => (isOver = true));
  // Headers that never end, or a body of which a byte comes each second: for ever, if it is let.
  for (let at = 0; !isOver; at += 1) {
    socket.write(bytes.subarray(at, at + 1).length > 0 ? bytes.subarray(at, at + 1) : 'x');
    await Promise.race([wait(1_000), over]);
  }
}

function isWhole(text: string): boolean {
  const { headers, body } = parseReply(text);
  const length = headers['content-length'];
  return length !== undefined && body.length >= Number(length);
}

function parseReply(text: string): Pick<WireReply, 'status' | 'headers' | 'body'> {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return { status: 0, headers: {}, body: '' };
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(first.split(' ')[1]), headers, body: text.slice(end + 4) };
}
