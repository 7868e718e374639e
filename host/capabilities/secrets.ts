// Sealed secrets of one isolate: the guest holds stand-ins, the host puts the values in when a request
// leaves, only towards the hosts and in the places that the manifest names for each.

import { randomBytes } from 'node:crypto';

import type { SecretPlace } from '../../sdk/manifest.ts';
import { HostError } from '../errors.ts';
import { denied } from './egress.ts';
import { matchesHost, matchesPort, normalHost, portOf } from './hosts.ts';
import type { HostRule } from './hosts.ts';
import { rulesAt } from './earned.ts';
import type { Earned, EarnedRule, EarnedShelf } from './earned.ts';
import type { FetchRequest } from './fetch-request.ts';
import { LIMITS } from '../limits.ts';
import { parseUrl } from './parse-url.ts';
import { Scrubber } from './scrub.ts';
import { openBody, openHeader, openPath, STAND_IN } from './secret-places.ts';
import type { FoundPlace, Open } from './secret-places.ts';

/** One secret and where it may go. */
export type SecretEntry = {
  readonly field: string;
  readonly value: string;
  readonly hosts: readonly HostRule[];
  readonly places: readonly SecretPlace[];
  /** As a key it is base64, after `whsec_` when that is there. */
  readonly isBase64Key?: boolean;
  /** Epoch milliseconds; null or left out: it does not end by itself. */
  readonly expiresMs?: number | null;
};

/** The parts of a request in which stand-ins are looked for. */
export type RequestParts = {
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: readonly (readonly [string, string])[];
  /** undefined: there is none, or it is streamed; then `guardUpload` looks at it. */
  readonly body: string | Buffer | undefined;
};

/** A request as it leaves. */
export type OpenedParts = {
  /** Path and query. */
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | Buffer | undefined;
};

const TOKEN = /sealed(?::|%3[aA])([A-Za-z0-9]{22})/g;
const TOKEN_AT_START = /^sealed:([A-Za-z0-9]{22})/;
const TOKEN_CHARS = 29;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** Everything a header may hold: visible ASCII, space, tab, and bytes read as Latin-1. */
const HEADER_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;

const NO_SHELF: EarnedShelf = {
  nowMs: Date.now,
  load: () => Promise.resolve([]),
  keep: () => Promise.resolve(),
};

/** The stand-ins of one isolate. A new isolate gets new ones, and those of what was earned before. */
export class SecretBook {
  readonly #byToken = new Map<string, SecretEntry>();
  /** Stand-ins of what was earned, oldest use first. */
  readonly #earned = new Set<string>();
  readonly #rules: readonly EarnedRule[];
  readonly #shelf: EarnedShelf;
  /** Sealed, and not yet on the shelf. */
  #unkept: Earned[] = [];
  #scrubber: Scrubber;

  /**
   * @param rules What vendors give in their replies, to be sealed there
   * @param shelf Where that outlives this isolate; without one it does not
   */
  constructor(
    entries: readonly SecretEntry[],
    rules: readonly EarnedRule[] = [],
    shelf: EarnedShelf = NO_SHELF,
  ) {
    // Half a surrogate pair cannot be encoded in any place.
    const known = entries.map((entry) => ({ ...entry, value: entry.value.toWellFormed() }));
    for (const entry of known) this.#byToken.set(createToken(), entry);
    this.#rules = rules;
    this.#shelf = shelf;
    this.#scrubber = new Scrubber(known);
  }

  /** Blanks every secret there is now: ask again after a reply that may have given one. */
  get scrubber(): Scrubber {
    return this.#scrubber;
  }

  /** What replies from an address give. */
  earnedAt(url: URL): readonly EarnedRule[] {
    return rulesAt(this.#rules, url);
  }

  /** Takes over what earlier isolates of this instance earned, or those of other hosts did. */
  async learn(): Promise<void> {
    if (this.#rules.length === 0) return;
    const known = await this.#shelf.load(this.#rules);
    const fresh = known.filter(({ id }) => !this.#byToken.has(id));
    for (const earned of fresh) this.#add(earned);
    if (fresh.length > 0) this.#scrubber = new Scrubber([...this.#byToken.values()]);
  }

  /** The same when a request has a stand-in that is not known: another host may have given it. */
  async learnIn({
    url,
    headers,
    body,
  }: Pick<FetchRequest, 'url' | 'headers' | 'body'>): Promise<void> {
    if (this.#rules.length === 0) return;
    const texts = [url, ...headers.map(([, value]) => value), body?.toString('latin1') ?? ''];
    const isUnknown = texts.some((text) => standInsOf(text).some((id) => !this.#byToken.has(id)));
    if (isUnknown) await this.learn();
  }

  /** Waits until everything that was sealed is on the shelf. */
  async keepSealed(): Promise<void> {
    const unkept = this.#unkept;
    this.#unkept = [];
    for (const earned of unkept) await this.#shelf.keep(earned);
  }

  /**
   * Takes what a vendor gave for some seconds.
   *
   * @returns Its stand-in, the same for the same value
   * @throws {HostError} `REMOTE_PROTOCOL` for what is too long to be looked for, or repeats itself
   */
  seal(rule: EarnedRule, value: string, seconds: number | null = null): string {
    const { field } = rule;
    assertSearchable(field, value);
    for (const token of this.#earned) {
      const known = this.#byToken.get(token);
      if (known?.field !== field || known.value !== value) continue;
      this.#earned.delete(token);
      this.#earned.add(token);
      return `sealed:${token}`;
    }
    const expiresMs = seconds === null ? null : this.#shelf.nowMs() + seconds * 1_000;
    const earned = { id: createToken(), rule, value: value.toWellFormed(), expiresMs };
    this.#add(earned);
    this.#unkept.push(earned);
    this.#scrubber = new Scrubber([...this.#byToken.values()]);
    return `sealed:${earned.id}`;
  }

  #add({ id, rule, value, expiresMs }: Earned): void {
    const { field, hosts, places } = rule;
    for (const oldest of this.#earned) {
      if (this.#earned.size < LIMITS.earnedSecrets) break;
      this.#earned.delete(oldest);
      this.#byToken.delete(oldest);
    }
    this.#byToken.set(id, { field, hosts, places, value, expiresMs });
    this.#earned.add(id);
  }

  /** Stand-ins by config field. */
  get sealed(): Record<string, string> {
    return Object.fromEntries(
      [...this.#byToken]
        .filter(([token]) => !this.#earned.has(token))
        .map(([token, { field }]) => [field, `sealed:${token}`]),
    );
  }

  /** The value behind a stand-in, for a key that stays in the host. */
  valueOf(sealed: string): string | undefined {
    return this.#live(sealed.slice('sealed:'.length))?.value;
  }

  /** The bytes of a key behind a stand-in, as its field says they are spelled. */
  keyOf(sealed: string): Buffer | undefined {
    const entry = this.#live(sealed.slice('sealed:'.length));
    if (entry?.isBase64Key !== true) return entry && Buffer.from(entry.value);
    return Buffer.from(entry.value.replace(/^whsec_/, ''), 'base64');
  }

  /**
   * The real address of a request whose address begins with a stand-in.
   *
   * @returns The address, and how to show it or where it led to without the secret
   * @throws {HostError} `EGRESS_DENIED` when that secret may not be an address, or leads elsewhere;
   *   `CALLER_CONFIG_INVALID` when its value is none
   */
  openUrl(text: string): { url: string; seal: (url: string) => string } {
    const [token, id = ''] = TOKEN_AT_START.exec(text) ?? [];
    const blank = (url: string): string => this.scrubber.text(url);
    if (token === undefined) return { url: text, seal: blank };
    const secret = this.#find(id, 'url', 'an address');
    const base = URL.parse(secret.value);
    const rest = text.slice(token.length);
    const target = parseUrl(secret.value + rest);
    if (base === null) throw unusable(secret, 'it is not a URL');
    // What the guest appends must not turn the host into another one.
    if (target === null || target.origin !== base.origin || target.username !== base.username) {
      throw refusal(secret, 'an address', `with this after it`, 'Append a path or a query only');
    }
    assertHost(secret, target);
    const seal = (url: string): string => {
      const known = [secret.value, base.href].find((start) => url.startsWith(start));
      return known === undefined ? blank(url) : token + blank(url.slice(known.length));
    };
    return { url: target.href, seal };
  }

  /**
   * Puts the values in.
   *
   * @throws {HostError} `EGRESS_DENIED` naming the field, when a stand-in is anywhere it may not be;
   *   `CALLER_CONFIG_INVALID` when a header cannot carry the value; `EGRESS_LIMIT` when they are too many
   */
  substitute({ url, headers, body }: RequestParts): OpenedParts {
    if (this.#byToken.size + this.#rules.length === 0) {
      return { path: url.pathname + url.search, headers, body };
    }
    let found = 0;
    const open: Open = (text, place, encode) =>
      text.replaceAll(TOKEN, (standIn, id: string) => {
        found += 1;
        if (found > LIMITS.standInsPerRequest) throw tooManyStandIns();
        const secret = this.#find(id, place, url.host);
        assertHost(secret, url);
        const written = encode(secret.value, standIn.charAt(STAND_IN.length) === '%');
        if (place !== 'header' || HEADER_TEXT.test(written)) return written;
        throw unusable(secret, 'it holds characters that no header can carry');
      });
    const type = headers.find(([name]) => name === 'content-type')?.[1] ?? '';
    // A server may leave a range out of account. One that does not cuts secrets into pieces.
    const sent = this.#mayGoTo(url) ? headers.filter(([name]) => name !== 'range') : headers;
    return {
      path: openPath(url, open),
      headers: sent.map(([name, value]) => [name, openHeader(name, value, open)]),
      body: body === undefined ? undefined : openBody(body, type, open),
    };
  }

  /** Passes a streamed body on; a stand-in in it is refused, because it would reach the remote as it is. */
  async *guardUpload(chunks: AsyncIterable<Uint8Array>, host: string): AsyncGenerator<Uint8Array> {
    let tail = Buffer.alloc(0);
    for await (const chunk of chunks) {
      const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const border = Buffer.concat([tail, view.subarray(0, TOKEN_CHARS)]);
      this.#refuseStandIns(border, host);
      this.#refuseStandIns(view, host);
      const end = view.length < TOKEN_CHARS ? border : view;
      tail = Buffer.from(end.subarray(Math.max(0, end.length - TOKEN_CHARS)));
      yield chunk;
    }
  }

  #mayGoTo(url: URL): boolean {
    return [...this.#byToken.values()].some((secret) => isBoundTo(secret, url));
  }

  #refuseStandIns(bytes: Buffer, host: string): void {
    if (!bytes.includes(STAND_IN)) return;
    for (const [, id = ''] of bytes.toString('latin1').matchAll(TOKEN))
      this.#find(id, 'stream', host);
  }

  #live(id: string): SecretEntry | undefined {
    const secret = this.#byToken.get(id);
    const { expiresMs = null } = secret ?? {};
    return expiresMs !== null && expiresMs <= this.#shelf.nowMs() ? undefined : secret;
  }

  /** The secret behind a stand-in, when it may be in that place. */
  #find(id: string, place: FoundPlace, where: string): SecretEntry {
    const secret = this.#live(id);
    if (secret === undefined) {
      throw denied({
        where,
        rule: 'unknown-stand-in',
        setBy: 'the host',
        allowedBy: null,
        remedy:
          'Use the value of config, whose stand-in changes with every start, or earn what has ended again',
      });
    }
    if (secret.places.some((each) => each === place)) return secret;
    throw refusal(secret, where, `in place "${place}"`, placeRemedy(secret.field, place));
  }
}

/** Whether a text holds one, of whomever. */
export function holdsStandIn(text: string): boolean {
  return standInsOf(text).next().done !== true;
}

/** The ids in a text; those in Basic credentials are found behind their Base64. */
function* standInsOf(text: string): Generator<string> {
  if (text.includes(STAND_IN)) for (const [, id = ''] of text.matchAll(TOKEN)) yield id;
  const [, encoded] = /^Basic\s+(\S+)$/i.exec(text) ?? [];
  if (encoded !== undefined) yield* standInsOf(Buffer.from(encoded, 'base64').toString('latin1'));
}

function placeRemedy(field: string, place: FoundPlace): string {
  if (place === 'body') return 'Send it as JSON or a form, with the content-type of that';
  if (place === 'stream') return 'Send it in a header, or in a body that is not streamed';
  if (place === 'base64') return 'Send it as it is, or inside the Basic scheme of authorization';
  return `Add "${place}" to secrets.${field}.in in manifest.json, or send it elsewhere`;
}

function isBoundTo({ hosts }: SecretEntry, url: URL): boolean {
  const hostname = normalHost(url.hostname);
  return hosts.some(
    (rule) => matchesHost(rule.pattern, hostname) && matchesPort(rule, portOf(url), false),
  );
}

function assertHost(secret: SecretEntry, url: URL): void {
  if (isBoundTo(secret, url)) return;
  const remedy = `Add the host to secrets.${secret.field}.hosts in manifest.json`;
  throw refusal(secret, url.host, 'towards this host', remedy);
}

function refusal({ field }: SecretEntry, where: string, why: string, remedy: string): HostError {
  const allowedBy = `secrets.${field} of manifest.json`;
  return denied({
    where,
    rule: `secret "${field}" ${why}`,
    setBy: 'the manifest',
    allowedBy,
    remedy,
  });
}

function tooManyStandIns(): HostError {
  const limit = LIMITS.standInsPerRequest;
  return new HostError('EGRESS_LIMIT', `A request holds over ${limit} stand-ins of secrets`, {
    remedy: 'Name each secret once, as the vendor asks for it',
    details: { limit },
  });
}

function unusable({ field }: SecretEntry, why: string): HostError {
  return new HostError('CALLER_CONFIG_INVALID', `Cannot send secret "${field}": ${why}`, {
    remedy: 'Enter the value again in the config of this instance',
    details: { field },
  });
}

/** What comes back is searched for every credential: one that was made to be slow to find is none. */
function assertSearchable(field: string, value: string): void {
  const { earnedChars, earnedRepeats } = LIMITS;
  if (value.length <= earnedChars && mostRepeats(value) <= earnedRepeats) return;
  throw new HostError('REMOTE_PROTOCOL', `What the remote gave as "${field}" is no credential`, {
    remedy: `One is at most ${earnedChars} characters long and does not repeat itself`,
    details: { field, limit: earnedChars },
  });
}

/** How often the most frequent eight characters of a text occur in it. */
function mostRepeats(text: string): number {
  const counts = new Map<string, number>();
  let most = 0;
  for (let at = 0; at + 8 <= text.length; at += 1) {
    const part = text.slice(at, at + 8);
    const count = (counts.get(part) ?? 0) + 1;
    counts.set(part, count);
    most = Math.max(most, count);
  }
  return most;
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
