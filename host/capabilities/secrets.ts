// Sealed secrets of one instance: the guest holds stand-ins, the host puts the values in when a request
// leaves, only towards the hosts and in the places that the manifest names for each.

import { randomBytes } from 'node:crypto';

import type { SecretPlace } from '../../sdk/manifest.ts';
import { denied, matchesHost, normalHost } from './egress.ts';
import type { HostRule } from './egress.ts';
import { Scrubber } from './scrub.ts';

/** One secret and where it may go. */
export type SecretEntry = {
  readonly field: string;
  readonly value: string;
  readonly hosts: readonly HostRule[];
  readonly places: readonly SecretPlace[];
};

/** The parts of a request in which stand-ins are looked for. */
export type RequestParts = {
  readonly url: URL;
  readonly headers: readonly (readonly [string, string])[];
  /** undefined: there is none, or it is streamed and passes as it is. */
  readonly body: string | Buffer | undefined;
};

type Sealed = SecretEntry & { readonly token: string };

const TOKEN = /sealed(?::|%3[aA])([A-Za-z0-9]{22})/g;
const TOKEN_AT_START = /^sealed:[A-Za-z0-9]{22}/;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** The stand-ins of one isolate. A new isolate gets new ones. */
export class SecretBook {
  readonly #byToken = new Map<string, Sealed>();
  readonly scrubber: Scrubber;

  constructor(entries: readonly SecretEntry[]) {
    for (const entry of entries) {
      const token = createToken();
      this.#byToken.set(token, { ...entry, token });
    }
    this.scrubber = new Scrubber(entries);
  }

  /** Stand-ins by config field. */
  get sealed(): Record<string, string> {
    return Object.fromEntries(
      [...this.#byToken.values()].map(({ field, token }) => [field, `sealed:${token}`]),
    );
  }

  /** The value behind a stand-in, for a key that stays in the host. */
  valueOf(sealed: string): string | undefined {
    return this.#byToken.get(sealed.slice('sealed:'.length))?.value;
  }

  /**
   * The real address of a request whose whole address is a secret, stand-in first.
   *
   * @throws {HostError} `EGRESS_DENIED` when that secret is not meant to be an address
   */
  openUrl(text: string): { url: string; seal: (url: string) => string } {
    const token = TOKEN_AT_START.exec(text)?.[0];
    if (token === undefined) return { url: text, seal: (url) => url };
    const secret = this.#byToken.get(token.slice('sealed:'.length));
    if (secret === undefined) return { url: text, seal: (url) => url };
    assertPlace(secret, 'url', secret.field);
    const { value } = secret;
    const target = URL.parse(value);
    if (target !== null) assertHost(secret, target);
    const seal = (url: string): string =>
      url.startsWith(value) ? token + url.slice(value.length) : this.scrubber.text(url);
    return { url: value + text.slice(token.length), seal };
  }

  /**
   * Puts the values in.
   *
   * @returns The parts as they leave, and the names of headers that now hold a secret
   * @throws {HostError} `EGRESS_DENIED` naming the field, when a stand-in is anywhere it may not be
   */
  substitute({
    url,
    headers,
    body,
  }: RequestParts): RequestParts & { readonly secretHeaders: ReadonlySet<string> } {
    const secretHeaders = new Set<string>();
    if (this.#byToken.size === 0) return { url, headers, body, secretHeaders };
    const open =
      (place: SecretPlace, encode: (value: string) => string) =>
      (text: string): string =>
        text.replaceAll(TOKEN, (found, token: string) => {
          const secret = this.#byToken.get(token);
          if (secret === undefined) return found;
          assertPlace(secret, place, url.host);
          assertHost(secret, url);
          return encode(secret.value);
        });
    const opened = headers.map(([name, value]): readonly [string, string] => {
      const real = openHeader(name, value, open);
      if (real !== value) secretHeaders.add(name);
      return [name, real];
    });
    const target = new URL(url);
    if (target.search !== '') target.search = open('query', encodeURIComponent)(target.search);
    if (/sealed(?::|%3a)/i.test(target.pathname)) {
      target.pathname = open('path', encodeURIComponent)(target.pathname);
    }
    const type = headers.find(([name]) => name === 'content-type')?.[1] ?? '';
    return { url: target, headers: opened, body: openBody(body, type, open), secretHeaders };
  }
}

type Open = (place: SecretPlace, encode: (value: string) => string) => (text: string) => string;

function openHeader(name: string, value: string, open: Open): string {
  const basic =
    name === 'authorization' ? /^Basic\s+([A-Za-z0-9+/]+=*)$/i.exec(value)?.[1] : undefined;
  if (basic === undefined) return open('header', headerValue)(value);
  const decoded = Buffer.from(basic, 'base64').toString('utf8');
  const real = open('basic', (secret) => secret)(decoded);
  return real === decoded ? value : `Basic ${Buffer.from(real).toString('base64')}`;
}

function openBody(body: RequestParts['body'], type: string, open: Open): RequestParts['body'] {
  if (body === undefined) return undefined;
  const text = typeof body === 'string' ? body : body.toString('latin1');
  if (!/sealed(?::|%3a)/i.test(text)) return body;
  const source = typeof body === 'string' ? body : body.toString('utf8');
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) {
    return open('json', (secret) => JSON.stringify(secret).slice(1, -1))(source);
  }
  // Any other text counts as a form: a stand-in in it is opened only when the manifest says "form".
  return open('form', (secret) => new URLSearchParams({ s: secret }).toString().slice(2))(source);
}

/** A secret with a line break must not become a second header. */
function headerValue(secret: string): string {
  return secret.replaceAll(/[\r\n\0]/g, '');
}

function assertPlace(secret: Sealed, place: SecretPlace, where: string): void {
  if (secret.places.includes(place)) return;
  throw denied(
    where,
    `secret "${secret.field}" in place "${place}"`,
    'the manifest',
    `Add "${place}" to secrets.${secret.field}.in in manifest.json, or send it elsewhere`,
  );
}

function assertHost(secret: Sealed, url: URL): void {
  const hostname = normalHost(url.hostname);
  const port = Number(url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : url.port);
  const allowed = secret.hosts.some(
    ({ pattern, ports }) =>
      matchesHost(pattern, hostname) &&
      (ports === 'any' || (ports.length === 0 ? port === 443 : ports.includes(port))),
  );
  if (allowed) return;
  throw denied(
    url.host,
    `secret "${secret.field}" towards this host`,
    'the manifest',
    `Add the host to secrets.${secret.field}.hosts in manifest.json`,
  );
}

function createToken(): string {
  let token = '';
  while (token.length < 22) {
    for (const byte of randomBytes(32)) {
      // 248 is the largest multiple of 62 below 256: every character is equally likely.
      if (byte < 248 && token.length < 22) token += ALPHABET[byte % 62];
    }
  }
  return token;
}
