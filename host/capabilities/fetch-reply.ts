// A vendor's answer → what the guest gets: decompressed, secrets blanked, small bodies whole in the
// reply, others in chunks.

import { isUtf8 } from 'node:buffer';

import { HostError } from '../errors.ts';
import type { CapabilityReply } from './capability.ts';
import { sealReply } from './earned.ts';
import type { EarnedRule, Seal } from './earned.ts';
import { decodeStream, decodeWhole, encodingsOf } from './fetch-decode.ts';
import type { Exchange, Head } from './fetch-exchange.ts';
import type { Scrubber } from './scrub.ts';
import type { SecretBook } from './secrets.ts';

type Context = {
  readonly method: string;
  /** As they may be shown. */
  readonly hostname: string;
  readonly url: string;
  readonly redirected: boolean;
  readonly scrubber: Scrubber;
};

const NO_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * Reads an answer that gives credentials: the guest gets stand-ins for them.
 *
 * @throws {HostError} `REMOTE_PROTOCOL` when they are not there, and whatever `readReply` throws
 */
export async function readEarned(
  head: Head,
  exchange: Exchange,
  {
    method,
    hostname,
    url,
    redirected,
    rules,
    secrets,
  }: Pick<Context, 'method' | 'hostname' | 'url' | 'redirected'> & {
    readonly rules: readonly EarnedRule[];
    readonly secrets: SecretBook;
  },
): Promise<CapabilityReply> {
  const seal: Seal = (rule, value, seconds) => secrets.seal(rule, value, seconds);
  const { headers, bytes } = await sealReply(head, exchange, { rules, seal, hostname, method });
  // A stand-in that the guest puts away is known after a crash as well.
  await secrets.keepSealed();
  // Only now the scrubber knows what was given: it may stand in the reply more than once.
  const { scrubber } = secrets;
  const shown = {
    status: head.status,
    statusText: scrubber.text(head.statusText),
    headers: shownHeaders({ ...head, headers }, false, scrubber),
  };
  return { value: { ...shown, url, redirected, body: packBody(scrubber.bytes(bytes)) } };
}

/** Reads an answer. @throws {HostError} `REMOTE_PROTOCOL`, `REMOTE_UNREACHABLE`, `REMOTE_TIMED_OUT` */
export async function readReply(
  head: Head,
  exchange: Exchange,
  { method, hostname, url, redirected, scrubber }: Context,
): Promise<CapabilityReply> {
  const { status } = head;
  if (status > 599) {
    exchange.discard();
    throw new HostError('REMOTE_PROTOCOL', `"${hostname}" answered with status ${status}`);
  }
  let encodings: ReturnType<typeof encodingsOf>;
  try {
    encodings = encodingsOf(head.headers, hostname);
  } catch (error) {
    exchange.discard();
    throw error;
  }
  const statusText = scrubber.text(head.statusText);
  const headers = shownHeaders(head, encodings.length > 0, scrubber);
  const shown = { status, statusText, headers, url, redirected };
  if (NO_BODY.has(status) || method === 'HEAD') {
    exchange.discard();
    return { value: { ...shown, body: null } };
  }
  let source = exchange.body();
  if (await exchange.whole(contentLength(head))) {
    const bytes = exchange.take();
    const whole = encodings.length === 0 ? bytes : decodeWhole(bytes, encodings, hostname);
    if (whole !== undefined) return { value: { ...shown, body: packBody(scrubber.bytes(whole)) } };
    source = only(bytes);
  }
  const chunks = encodings.length === 0 ? source : decodeStream(source, encodings, hostname);
  return { value: shown, body: scrubber.active ? scrubber.stream(chunks) : chunks };
}

function shownHeaders(
  { headers }: Head,
  isDecoded: boolean,
  scrubber: Scrubber,
): [string, string][] {
  const kept = isDecoded
    ? headers.filter(([name]) => name !== 'content-encoding' && name !== 'content-length')
    : headers;
  if (!scrubber.active) return kept;
  return kept.map(([name, value]) => [name, scrubber.text(value)]);
}

/** Bytes that are announced; 0 when nothing usable is. */
function contentLength({ headers }: Head): number {
  const length = headers.find(([name]) => name === 'content-length')?.[1] ?? '';
  return /^\d+$/.test(length) ? Number(length) : 0;
}

function packBody(bytes: Buffer): { text: string } | { base64: string } {
  return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') };
}

async function* only(bytes: Buffer): AsyncGenerator<Buffer, undefined> {
  yield bytes;
}
