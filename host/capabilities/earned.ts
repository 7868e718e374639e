// Credentials that a vendor gives in a reply (an access token, a ticket, a key): taken out of the place
// that the manifest names, before the guest sees the reply, and a stand-in put there.

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { SecretPlace } from '../../sdk/manifest.ts';
import { decodeStream, encodingsOf } from './fetch-decode.ts';
import type { Exchange, Head } from './fetch-exchange.ts';
import { matchesHost, matchesPort, normalHost, portOf } from './hosts.ts';
import type { HostRule } from './hosts.ts';

/** Where a credential is given, and where it may go afterwards. */
export type EarnedRule = {
  readonly field: string;
  readonly hosts: readonly HostRule[];
  /** Hosts that give it; where it may go to when left out. */
  readonly from?: readonly HostRule[] | undefined;
  /** The only method whose replies must give it. */
  readonly method?: string | undefined;
  /** Seconds that it lives, or the dotted path of their number. */
  readonly expiresIn?: string | number | undefined;
  readonly places: readonly SecretPlace[];
  /** Path of the requests whose replies give it. */
  readonly path: string;
  /** Its name there: `data.ticket` in JSON, a header, a cookie. */
  readonly at: { readonly kind: 'json' | 'header' | 'cookie'; readonly name: string };
};

/** What was given, and what becomes of it. */
export type Earned = {
  /** Of its stand-in. */
  readonly id: string;
  readonly rule: EarnedRule;
  readonly value: string;
  /** null: nobody said. */
  readonly expiresMs: number | null;
};

/** Where credentials outlive the isolate that earned them: other isolates of the instance know them too. */
export type EarnedShelf = {
  readonly nowMs: () => number;
  /** Those given under one of these rules. */
  load(rules: readonly EarnedRule[]): Promise<Earned[]>;
  keep(earned: Earned): Promise<void>;
};

/** Keeps a value for some seconds, or for as long as it works, and returns its stand-in. */
export type Seal = (rule: EarnedRule, value: string, seconds: number | null) => string;

/** A reply whose credentials are sealed; its body is whole and decoded. */
export type SealedReply = { readonly headers: [string, string][]; readonly bytes: Buffer };

/** The rules that a reply from this address is under. */
export function rulesAt(rules: readonly EarnedRule[], url: URL): readonly EarnedRule[] {
  if (rules.length === 0) return rules;
  const hostname = normalHost(url.hostname);
  const plain = url.protocol === 'http:';
  const asked = normalPath(url.pathname);
  return rules.filter(
    ({ path, hosts, from = hosts }) =>
      normalPath(path) === asked &&
      from.some(
        (rule) => matchesHost(rule.pattern, hostname) && matchesPort(rule, portOf(url), plain),
      ),
  );
}

/**
 * A path as servers may understand it: `/v1//OAuth2/%74oken/` is `/v1/oauth2/token` to many. One that is
 * taken for it by mistake is refused for having nothing to seal; one that is missed gives the credential.
 */
function normalPath(path: string): string {
  let known = path;
  for (let times = 0; times < DECODED_TIMES && known.includes('%'); times += 1) {
    known = known.replaceAll(/%[0-9a-f]{2}/gi, (escape) =>
      String.fromCharCode(Number.parseInt(escape.slice(1), 16)),
    );
  }
  return known
    .toLowerCase()
    .replaceAll('\\', '/')
    .replaceAll(/;[^/]*/g, '')
    .replaceAll(/\/(?:\.?\/)+/g, '/')
    .replace(/\/\.?$/, '');
}

/** Proxies in a row that each decode once more. */
const DECODED_TIMES = 3;

/**
 * Reads a reply whole and seals what it gives.
 *
 * @throws {HostError} `REMOTE_PROTOCOL` when a 2xx reply has nothing where the manifest says, or is
 *   over `LIMITS.inlineBodyBytes`: a credential that cannot be sealed is not handed on
 */
export async function sealReply(
  head: Head,
  exchange: Exchange,
  {
    rules,
    seal,
    hostname,
    method,
  }: { rules: readonly EarnedRule[]; seal: Seal; hostname: string; method: string },
): Promise<SealedReply> {
  const encodings = encodingsOf(head.headers, hostname);
  const source = exchange.body();
  const chunks = encodings.length === 0 ? source : decodeStream(source, encodings, hostname);
  let bytes = await collect(chunks, hostname);
  // Its length and coding are no longer those that were announced.
  const gone = new Set(['content-length', 'content-encoding']);
  let headers = head.headers.filter(([name]) => !gone.has(name));
  for (const rule of rules) {
    const { kind, name } = rule.at;
    const { expiresIn } = rule;
    const lives = typeof expiresIn === 'number' ? expiresIn : null;
    const change = (value: string, seconds = lives): string => seal(rule, value, seconds);
    const before = { headers, bytes };
    if (kind === 'json') bytes = sealJson(bytes, { name, expiresIn }, change) ?? bytes;
    else headers = headers.map((pair) => sealHeader(pair, rule.at, change));
    const isSealed =
      bytes !== before.bytes || headers.some((pair) => !before.headers.includes(pair));
    const isDue = rule.method === undefined || rule.method === method;
    if (!isSealed && isDue && head.status < 300) throw nothingThere(hostname, rule);
  }
  return { headers, bytes };
}

async function collect(chunks: AsyncIterable<Buffer>, hostname: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > LIMITS.inlineBodyBytes) {
      const limit = LIMITS.inlineBodyBytes;
      throw new HostError(
        'REMOTE_PROTOCOL',
        `The answer of "${hostname}" that gives a credential is over ${limit} bytes`,
        { details: { limit } },
      );
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

function nothingThere(hostname: string, { field, at }: EarnedRule): HostError {
  return new HostError(
    'REMOTE_PROTOCOL',
    `The answer of "${hostname}" has no ${at.kind} "${at.name}" to seal as "${field}"`,
    { remedy: `Correct secrets.${field}.earned in manifest.json, or ask for the format it names` },
  );
}

/** Printed anew, so that a name that stands twice hides nothing. */
function sealJson(
  bytes: Buffer,
  { name, expiresIn }: { readonly name: string; readonly expiresIn: EarnedRule['expiresIn'] },
  change: (value: string, seconds?: number) => string,
): Buffer | undefined {
  let root: unknown;
  try {
    root = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const path = name.split('.');
  const owner = within(root, path.slice(0, -1));
  const last = path.at(-1) ?? '';
  const value = own(owner, last);
  if (typeof value !== 'string' || value === '') return undefined;
  const said = typeof expiresIn === 'string' ? Number(within(root, expiresIn.split('.'))) : NaN;
  // `own` has found a value in it: it is an object.
  (owner as Record<string, unknown>)[last] = said > 0 ? change(value, said) : change(value);
  return Buffer.from(JSON.stringify(root));
}

function within(root: unknown, path: readonly string[]): unknown {
  let owner = root;
  for (const name of path) owner = own(owner, name);
  return owner;
}

function own(owner: unknown, name: string): unknown {
  if (typeof owner !== 'object' || owner === null || !Object.hasOwn(owner, name)) return undefined;
  return (owner as Record<string, unknown>)[name];
}

function sealHeader(
  pair: [string, string],
  at: EarnedRule['at'],
  change: (value: string) => string,
): [string, string] {
  const [name, value] = pair;
  if (at.kind === 'header') {
    return name === at.name.toLowerCase() && value !== '' ? [name, change(value)] : pair;
  }
  if (name !== 'set-cookie') return pair;
  const [, cookie = '', given = ''] = /^\s*([^=;]+?)\s*=\s*"?([^;"]*)/.exec(value) ?? [];
  if (cookie !== at.name || given === '') return pair;
  return [name, value.replace(given, () => change(given))];
}
