// Cases of kind admin-http: bytes to the surface of a real host, then what must hold whatever came back.

import { createHmac } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

import { CANARIES, residentMiB } from './host.ts';
import type { AttackHost } from './host.ts';
import { INVARIANTS } from './http-invariants.ts';
import { runSteps } from './http-steps.ts';
import { addressOf } from './http-outcome.ts';
import type { HttpCase, Seen } from './http-outcome.ts';
import { bytesOf, exchange, rawBytes } from './http-wire.ts';
import type { WireReply, WireRequest } from './http-wire.ts';

/** Secrets of the gateway under attack; they may be in no reply. */
const WEBHOOK_SECRET = 'whsec_attack_0001';
const READY = new WeakMap<AttackHost, Promise<Readonly<Record<string, string>>>>();

/** @returns What is wrong; nothing when the case passes */
export async function runHttpCase(host: AttackHost, attack: HttpCase): Promise<string[]> {
  let tokens = READY.get(host);
  if (tokens === undefined) READY.set(host, (tokens = prepare(host)));
  const known = await tokens;
  if (attack.steps !== undefined || attack.group === 'webhook') await configure(host);
  const before = await look(host);
  const replies =
    attack.steps === undefined
      ? await send(host, attack, known)
      : await runSteps(host, attack.title);
  const outcome = {
    ...{ attack, host, replies, before },
    after: host.exited() ? before : await look(host),
  };
  const problems: string[] = [];
  for (const { status } of replies) {
    if (!attack.expect.status.includes(status)) problems.push(`status ${status}`);
  }
  for (const name of attack.expect.must) {
    const check = INVARIANTS[name];
    const problem = check === undefined ? 'is not known to the driver' : await check(outcome);
    if (problem !== undefined) problems.push(`${name}: ${problem}`);
  }
  const seen = replies.map(({ body }) => body).join('');
  for (const canary of [...Object.values(CANARIES), WEBHOOK_SECRET]) {
    if (seen.includes(canary)) problems.push(`a reply shows ${canary}`);
  }
  return problems;
}

/** Whether the case does little but wait, for a deadline of the host. */
export function isSlow({ request }: HttpCase): boolean {
  return request.drip !== undefined || rawBytes(request.raw ?? '').slow;
}

async function send(
  host: AttackHost,
  attack: HttpCase,
  tokens: Readonly<Record<string, string>>,
): Promise<WireReply[]> {
  const { request, auth } = attack;
  const from = addressOf(attack);
  const fill = (text: string): string => fillIn(text, tokens, request.body ?? '');
  const filled = Object.entries(request.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.map(fill) : typeof value === 'string' ? fill(value) : value,
  ]);
  const token = tokens[auth];
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(Object.fromEntries(filled) as WireRequest['headers']),
  };
  if (request.raw !== undefined) {
    const { bytes, slow } = rawBytes(request.raw);
    return [await exchange(host.url, bytes, { slow, watched: true, from })];
  }
  const replies: WireReply[] = [];
  const watched = attack.expect.must.some((name) => /^connection-closed|^no-desync/.test(name));
  const times = request.repeat ?? 1;
  for (const path of request.paths ?? Array.from({ length: times }, () => request.path)) {
    const target = hookPath(request.plugin === 'hangs' ? path.replace('stripe', 'hangs') : path);
    const bytes = bytesOf({ ...request, path: target, headers });
    if (request.kill !== undefined) return [await dieDuring(host, bytes)];
    replies.push(
      await exchange(host.url, bytes, { slow: request.drip !== undefined, watched, from }),
    );
  }
  return replies;
}

/** The corpus names hooks as another product does; ours have an instance. */
function hookPath(path: string): string {
  return path.replace(/^\/webhooks\/(.+)$/, '/hooks/$1/default');
}

/** All but the last byte, so that nothing is committed; then the host is gone. */
async function dieDuring(host: AttackHost, bytes: Buffer): Promise<WireReply> {
  const reply = exchange(host.url, bytes.subarray(0, -1));
  process.kill(host.pid, 'SIGKILL');
  const answer = await reply;
  for (let tries = 0; !host.exited() && tries < 100; tries += 1) await wait(20);
  return answer;
}

function fillIn(text: string, tokens: Readonly<Record<string, string>>, body: string): string {
  return text.replaceAll(/\{\{([A-Z]+)([^}]*)\}\}/g, (whole, name: string, rest: string) => {
    if (name === 'TOKEN') return tokens['admin'] ?? '';
    if (name === 'REVOKED') return tokens['revoked'] ?? '';
    if (name === 'NOW') return String(Math.floor(Date.now() / 1_000));
    return name === 'SIG' ? signature(rest.trim(), body) : whole;
  });
}

/** Stripe's header for a body: `t=…,v1=…`, as docs.stripe.com/webhooks describes it. */
function signature(kind: string, body: string): string {
  const age = /NOW-(\d+)/.exec(kind)?.[1];
  const at = Math.floor(Date.now() / 1_000) - Number(age ?? 0);
  const sign = (text: string, secret = WEBHOOK_SECRET): string =>
    createHmac('sha256', secret).update(`${at}.${text}`).digest('hex');
  if (kind.startsWith('other body')) return `t=${at},v1=${sign('{}')}`;
  if (kind.startsWith('v0')) return `t=${at},v0=${sign(body)}`;
  // While a secret is rolled, Stripe signs with the old one and with the new one.
  if (kind.startsWith('old secret'))
    return `t=${at},v1=${sign(body, 'whsec_old')},v1=${sign(body)}`;
  return `t=${at},v1=${sign(body)}`;
}

/** As an admin has set it; a case before may have been allowed to change it. */
async function configure(host: AttackHost): Promise<void> {
  const config = { secretKey: 'sk_test_attack', webhookSecret: WEBHOOK_SECRET };
  const { status, text } = await host.request('PUT', '/extensions/gateways/stripe/config', config);
  if (status !== 200) throw new Error(`stripe: ${text}`);
}

/** Tokens of every role, a gateway that takes webhooks, one that never answers them. */
async function prepare(host: AttackHost): Promise<Readonly<Record<string, string>>> {
  const make = async (role: string): Promise<{ id: string; secret: string }> => {
    const { text } = await host.request('POST', '/tokens', { name: role, role });
    return JSON.parse(text) as { id: string; secret: string };
  };
  await configure(host);
  for (const name of ['stripe', 'hangs']) {
    const { status, text } = await host.request('POST', `/extensions/gateways/${name}/enable`);
    if (status !== 200) throw new Error(`${name}: ${text}`);
  }
  const revoked = await make('viewer');
  await host.request('DELETE', `/tokens/${revoked.id}`);
  return {
    admin: host.token,
    viewer: (await make('viewer')).secret,
    operator: (await make('operator')).secret,
    'plugin-token': (await make('panel')).secret,
    'other-tenant-admin': 'of-another-tenant-0001',
    revoked: revoked.secret,
  };
}

async function look(host: AttackHost): Promise<Seen> {
  const get = async (path: string): Promise<string> => (await host.request('GET', path)).text;
  const view = JSON.parse(await get('/extensions/gateways/stripe/instances/default')) as object;
  return {
    // Whether an isolate is warm or idle is no state that anybody set.
    stripe: JSON.stringify({ ...view, state: undefined, callsRunning: undefined }),
    names: await get('/extensions'),
    deliveries: await get('/deliveries?limit=200'),
    facts: await get('/../facts?after=0'),
    rssMiB: await residentMiB(host.pid),
  };
}
