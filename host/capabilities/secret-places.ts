// Where in a request stand-ins are looked for, and how a value is written there. Pure: which secret is
// behind a stand-in, and whether it may be there, is the book's to say.

import type { SecretPlace } from '../../sdk/manifest.ts';

/** A place of the manifest, or one where no secret may ever be. */
export type FoundPlace = SecretPlace | 'base64' | 'body' | 'stream';

/**
 * How a value has to be written where its stand-in was found. `isPercent`: the stand-in itself came
 * percent-encoded, so whoever reads this place will decode that once more.
 */
export type Encode = (value: string, isPercent: boolean) => string;

/** Puts values in for the stand-ins of a text; throws where that is not allowed. */
export type Open = (text: string, place: FoundPlace, encode: Encode) => string;

/** What every stand-in begins with, encoded or not. A text without it is left alone. */
export const STAND_IN = 'sealed';

/** "sealed" inside Base64, wherever it begins. */
const BASE64_STAND_IN = /c2VhbGVk|NlYWxlZ|zZWFsZW/;

const percent: Encode = (value) => encodeURIComponent(value);
const asIs = nested((value) => value);
const header = nested(headerText);
const json = nested(jsonText);

/** A header's value; a stand-in inside Basic credentials is found behind their Base64. */
export function openHeader(name: string, value: string, open: Open): string {
  const plain = value.includes(STAND_IN) ? open(value, 'header', header) : value;
  if (!BASE64_STAND_IN.test(plain)) return plain;
  const basic = name === 'authorization' ? /^(Basic\s+)(\S+)$/i.exec(plain) : null;
  if (basic === null) {
    // Sent as it is it would never work, and the remote would get a stand-in.
    for (const [run] of plain.matchAll(/[A-Za-z0-9+/_-]{20,}/g)) {
      open(Buffer.from(run, 'base64').toString('latin1'), 'base64', asIs);
    }
    return plain;
  }
  const [, scheme = '', credentials = ''] = basic;
  const decoded = Buffer.from(credentials, 'base64').toString('latin1');
  const real = open(decoded, 'basic', latin1(asIs));
  return real === decoded ? plain : scheme + Buffer.from(real, 'latin1').toString('base64');
}

/** The path and query of a URL as they go over the wire. */
export function openPath({ pathname, search }: URL, open: Open): string {
  const path = pathname.includes(STAND_IN) ? open(pathname, 'path', percent) : pathname;
  return path + (search.includes(STAND_IN) ? open(search, 'query', percent) : search);
}

/** A whole body; `type` is its content-type. Bytes stay bytes: only stand-ins change. */
export function openBody<T extends string | Buffer>(body: T, type: string, open: Open): T | Buffer {
  if (!body.includes(STAND_IN)) return body;
  const [place, encode] = placeOf(type);
  const text = typeof body === 'string' ? body : body.toString('latin1');
  const real = open(text, place, typeof body === 'string' ? encode : latin1(encode));
  if (real === text) return body;
  return Buffer.from(real, typeof body === 'string' ? 'utf8' : 'latin1');
}

function placeOf(type: string): [FoundPlace, Encode] {
  const [essence = ''] = type.toLowerCase().split(';');
  const name = essence.trim();
  if (/^(?:application|text)\/(?:[\w.+-]+\+)?json$/.test(name)) return ['json', json];
  if (name === 'application/x-www-form-urlencoded') return ['form', formText];
  // A part of a multipart body is written as it is.
  if (name === 'multipart/form-data') return ['form', asIs];
  return ['body', asIs];
}

function jsonText(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

function formText(value: string): string {
  return new URLSearchParams({ s: value }).toString().slice(2);
}

/** Outer white space cannot be in a header, and comes from copying. */
function headerText(value: string): string {
  return value.replaceAll(/^[\t\r\n ]+|[\t\r\n ]+$/g, '');
}

/** An encoding on top of a percent-encoding, when there is one. */
function nested(encode: (value: string) => string): Encode {
  return (value, isPercent) => encode(isPercent ? encodeURIComponent(value) : value);
}

/** For text that is bytes read as Latin-1. */
function latin1(encode: Encode): Encode {
  return (value, isPercent) => Buffer.from(encode(value, isPercent)).toString('latin1');
}
