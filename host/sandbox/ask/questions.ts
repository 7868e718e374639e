// The synchronous questions: addresses, text, random bytes. Input is a guest's text of at most
// `LIMITS.askChars` characters; a throw becomes a refusal with its message.

import { randomBytes, randomUUID } from 'node:crypto';

import { LIMITS } from '../../limits.ts';
import type { Draw } from '../traced-call.ts';

/** One question: text in, text out. @param draw Where random bytes come from, if not from the system */
export type Question = (text: string, draw?: Draw) => string;

const URL_PARTS = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const;
const SETTABLE: ReadonlySet<string> = new Set(URL_PARTS.slice(2));

/** Questions that need no state. */
export const QUESTIONS: Readonly<Record<string, Question>> = {
  'url.parse': (text) => {
    const [url, base] = readStrings(text);
    const parsed = URL.parse(url ?? '', base);
    if (parsed === null) throw new TypeError('Invalid URL');
    return urlText(parsed);
  },
  'url.set': (text) => {
    const [href = '', name = '', value = ''] = readStrings(text);
    if (!SETTABLE.has(name)) throw new TypeError('Unknown part of an address');
    const url = new URL(href);
    url[name as 'hash'] = value;
    return urlText(url);
  },
  'query.parse': (text) => JSON.stringify([...new URLSearchParams(`?${text}`)]),
  'query.format': (text) => {
    const pairs: unknown = JSON.parse(text);
    return new URLSearchParams(pairs as [string, string][]).toString();
  },
  'utf8.encode': (text) => Buffer.from(text, 'utf8').toString('base64'),
  'text.label': (label) => new TextDecoder(label).encoding,
  'text.decode': (text) => {
    const [label = '', flags = '', base64 = ''] = text.split(' ', 3);
    return createDecoder(label, flags).decode(Buffer.from(base64, 'base64'));
  },
  random: (text, draw = randomBytes) => {
    const bytes = Number(text);
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > 65_536)
      throw new RangeError('1–65536 bytes');
    return draw(bytes).toString('base64');
  },
  uuid: (_text, draw) => (draw === undefined ? randomUUID() : formatUuid(draw(16))),
};

/** Version 4, as RFC 9562 lays it out. */
function formatUuid(bytes: Buffer): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Decoders that keep what is left of a chunk; the oldest is given up over the limit. */
export function createDecoders(): Readonly<Record<string, Question>> {
  const decoders = new Map<number, TextDecoder>();
  let nextId = 1;
  return {
    'decoder.open': (text) => {
      const [label = '', flags = ''] = text.split(' ', 2);
      for (const oldest of decoders.keys()) {
        if (decoders.size < LIMITS.decodersPerInstance) break;
        decoders.delete(oldest);
      }
      decoders.set(nextId, createDecoder(label, flags));
      return String(nextId++);
    },
    'decoder.feed': (text) => {
      const [id = '', more = '', base64 = ''] = text.split(' ', 3);
      const decoder = decoders.get(Number(id));
      if (decoder === undefined)
        throw new RangeError('Too many decoders are open: this one is gone');
      if (more !== '1') decoders.delete(Number(id));
      return decoder.decode(Buffer.from(base64, 'base64'), { stream: more === '1' });
    },
  };
}

function createDecoder(label: string, flags: string): TextDecoder {
  const bits = Number(flags);
  return new TextDecoder(label, { fatal: (bits & 1) === 1, ignoreBOM: (bits & 2) === 2 });
}

function urlText(url: URL): string {
  return JSON.stringify(URL_PARTS.map((name) => url[name]));
}

function readStrings(text: string): string[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string')) {
    throw new TypeError('Expected a list of texts');
  }
  return list;
}
