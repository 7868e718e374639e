// What must hold after a case of kind admin-http, each invariant of the corpus once, by its name.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { residentMiB } from './host.ts';
import { addressOf } from './http-outcome.ts';
import type { Outcome } from './http-outcome.ts';
import { bytesOf, exchange } from './http-wire.ts';
import type { WireReply } from './http-wire.ts';

/** Says what is wrong; undefined when it holds. */
type Invariant = (outcome: Outcome) => Promise<string | undefined> | string | undefined;

const LIST = '/api/v1/admin/extensions';
/** A request that lists a few names takes milliseconds; on a busy machine more. */
const QUICK_MS = 2_000;
const GROWTH_MIB = 96;

const every =
  (isGood: (reply: WireReply, outcome: Outcome) => boolean, problem: string): Invariant =>
  (outcome) =>
    outcome.replies.every((reply) => isGood(reply, outcome)) ? undefined : problem;

const same =
  (part: 'stripe' | 'names' | 'deliveries' | 'facts'): Invariant =>
  ({ before, after }) =>
    before[part] === after[part] ? undefined : `${part} changed: ${after[part].slice(0, 300)}`;

/** Each of these, in this order; the first that does not hold is told. */
const all =
  (...invariants: readonly Invariant[]): Invariant =>
  async (outcome) => {
    for (const invariant of invariants) {
      const problem = await invariant(outcome);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };

const isProblem = (text: string): boolean => {
  const body = JSON.parse(text) as Record<string, unknown>;
  return ['type', 'title', 'detail', 'code'].every((key) => typeof body[key] === 'string');
};

const hostAlive: Invariant = async ({ host, attack }) => {
  if (attack.request.kill !== undefined) return undefined;
  if (host.exited()) return 'the host has ended';
  const { status } = await exchange(host.url, plain('/healthz'));
  return status === 200 ? undefined : `/healthz says ${status}`;
};

const plain = (path: string, headers: Record<string, string> = {}): Buffer =>
  bytesOf({ method: 'GET', path, headers });

const noCrash: Invariant = ({ host }) =>
  /unhandledRejection|uncaughtException|Unhandled/.test(host.output())
    ? 'the log tells of an unhandled failure'
    : undefined;

/** A refused connection is ended; one that asked for something that is not there stays good for the next. */
const isClosed: Invariant = async ({ replies, attack, host }) => {
  if (replies.every(({ closed }) => closed)) return undefined;
  const { raw } = attack.request;
  if (raw === undefined) return 'the connection is still open';
  const twice = await exchange(
    host.url,
    Buffer.concat([Buffer.from(raw, 'latin1'), plain('/healthz', { connection: 'close' })]),
    { watched: true },
  );
  return twice.closed && twice.replies === 2 ? undefined : 'it is open, and useless for the next';
};

const refusalIsAudited: Invariant = async ({ host, replies }) => {
  const { status = 0 } = replies.at(-1) ?? {};
  const wanted = status === 401 ? 'unauthenticated' : 'forbidden';
  for (let tries = 0; tries < 20; tries += 1) {
    const { text } = await host.request('GET', '/audit?limit=5');
    if (text.includes(`"outcome":"${wanted}"`)) return undefined;
    // Replies do not wait for the audit.
    await wait(50);
  }
  return `the audit has no line "${wanted}"`;
};

/** Whatever is wrong with a token, the answer is the same. */
const sameAsOther401: Invariant = async ({ host, replies, attack }) => {
  const bare = await exchange(host.url, plain(LIST), { from: addressOf(attack) });
  return replies.every(({ body, tookMs }) => body === bare.body && tookMs < bare.tookMs + QUICK_MS)
    ? undefined
    : 'the answer differs from that to no token at all';
};

const noOracle: Invariant = async ({ host, replies, attack }) => {
  const known = await exchange(
    host.url,
    bytesOf({ method: 'PUT', path: `${LIST}/gateways/stripe/config`, headers: {}, body: '{}' }),
    { from: addressOf(attack) },
  );
  return replies.every(({ body }) => body === known.body) ? undefined : 'a name can be probed';
};

const documented: Invariant = async () => {
  const readme = join(import.meta.dirname, '../../plugins/gateways/stripe/README.md');
  return /live|test/i.test(await readFile(readme, 'utf8')) ? undefined : 'the README is silent';
};

const peerAnswers: Invariant = async ({ host }) => {
  const startMs = performance.now();
  const { status } = await host.request('POST', '/extensions/others/peer/calls/execute');
  return status === 200 && performance.now() - startMs < QUICK_MS ? undefined : 'the peer is stuck';
};

const boundedMemory: Invariant = async ({ host, before }) => {
  const grown = (await residentMiB(host.pid)) - before.rssMiB;
  return grown < GROWTH_MIB ? undefined : `the host grew by ${Math.round(grown)} MiB`;
};

/** At most one of two equal webhooks is kept. */
const effectOnce: Invariant = all(same('facts'), ({ before, after }) => {
  const count = (text: string): number => text.split('"id":').length - 1;
  return count(after.deliveries) - count(before.deliveries) <= 2 ? undefined : 'kept too often';
});

const kept: Invariant = ({ before, after }) =>
  before.deliveries === after.deliveries ? 'no delivery is kept' : undefined;

const within = (ms: number): Invariant => every(({ tookMs }) => tookMs < ms, `took over ${ms} ms`);

/** By the name that the corpus has for it. */
export const INVARIANTS: Readonly<Record<string, Invariant>> = {
  'host-alive': all(hostAlive, noCrash),
  'no-stack-in-body': every(
    ({ body }) => !/\bat [\w.<>]+ \(|node_modules|node:internal|\.ts:\d+/.test(body),
    'a reply shows a stack',
  ),
  'json-error-shape': every(
    ({ status, body, headers }, { attack }) =>
      status < 400 ||
      (attack.group === 'webhook' && body === '') ||
      (headers['content-type']?.startsWith('application/problem+json') === true && isProblem(body)),
    'a failure is no problem document',
  ),
  'state-unchanged': all(same('stripe'), same('names')),
  'no-file-read-outside': every(({ body }) => !/root:.*:0:0|daemon:/.test(body), 'shows a file'),
  'no-reflected-markup': every(
    ({ body, headers }) =>
      headers['content-type']?.startsWith('text/html') !== true && !/<\w/.test(body),
    'a reply can be read as markup',
  ),
  'same-body-and-timing-class-as-other-401': sameAsOther401,
  'www-authenticate-or-documented': every(
    ({ headers }) => headers['www-authenticate']?.startsWith('Bearer') === true,
    'there is no www-authenticate',
  ),
  'no-body-parse-before-auth': every(({ body }) => !/JSON/.test(body), 'the body was read first'),
  'no-existence-oracle': noOracle,
  'audit-record-of-refusal': refusalIsAudited,
  'never-200': every(({ status }) => status !== 200, 'it was let in'),
  'bounded-work': within(QUICK_MS),
  'no-pollution': all(peerAnswers, async ({ host }) => {
    const { text } = await host.request('GET', '/session');
    return text.includes('isAdmin') ? 'a key of the attacker shows up elsewhere' : undefined;
  }),
  'connection-closed-or-drained': every(({ status }) => status > 0, 'there was no answer'),
  'bounded-memory': boundedMemory,
  'body-deadline': within(70_000),
  'no-desync': every(
    ({ replies, body }) => replies <= 1 && !body.includes('smuggled'),
    'more than one request was seen',
  ),
  'connection-closed': isClosed,
  'no-acao-for-foreign-origin': every(
    ({ headers }) => headers['access-control-allow-origin'] === undefined,
    'another origin is allowed in',
  ),
  'no-acao-null': every(
    ({ headers }) => headers['access-control-allow-origin'] === undefined,
    'another origin is allowed in',
  ),
  'handler-not-run': all(same('facts'), same('deliveries')),
  'handler-effect-once': effectOnce,
  'handler-run-once': effectOnce,
  'answer-within-10s': within(11_000),
  'event-kept-for-retry': kept,
  'sender-sees-failure': every(({ status }) => status !== 200, 'the sender believes it arrived'),
  'no-half-record': all(same('facts'), same('deliveries')),
  documented,
  // Nothing that a stranger says of a payment is believed.
  'verified-by-post-back-to-fixed-host': same('facts'),
  'receiver-amount-currency-checked': same('facts'),
  'masked-secret-not-stored-as-value': all(same('names'), ({ after }) =>
    after.stripe.includes('"secretKey":"********"') ? undefined : after.stripe,
  ),
  'exactly-one-wins': ({ replies }) =>
    replies
      .map(({ status }) => status)
      .toSorted()
      .join() === '200,412'
      ? undefined
      : 'both or none won',
  'final-state-consistent': ({ after }) =>
    /"enabled":(true|false)/.test(after.stripe) ? undefined : after.stripe,
  'no-orphan-isolate': peerAnswers,
  'no-double-start': noCrash,
  'other-plugins-responsive': peerAnswers,
  'state=failed': async ({ host }) => {
    const { text } = await host.request('GET', '/extensions/others/sleeper/instances/default');
    return text.includes('"enabled":false') ? undefined : text;
  },
  'work-cancelled-or-finished-once': async ({ host }) => {
    const { text } = await host.request(
      'GET',
      '/calls?state=running&instance=gateways/hangs/default',
    );
    return text.includes('"calls":[]') ? undefined : text;
  },
  'no-unhandled-rejection': noCrash,
};
