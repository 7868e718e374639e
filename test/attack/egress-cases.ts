// Cases of kind ssrf: the fetch capability with an injected resolver and connector. What counts is the
// set of (address, port) pairs that a connection was begun to.

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import ipaddr from 'ipaddr.js';

import { Cancellation } from '../../host/cancellation.ts';
import { Deadline } from '../../host/deadline.ts';
import { isPublic } from '../../host/capabilities/addresses.ts';
import { createFetchCapability } from '../../host/capabilities/fetch.ts';
import type { HostRule } from '../../host/capabilities/egress.ts';
import { SecretBook } from '../../host/capabilities/secrets.ts';
import { HostError } from '../../host/errors.ts';

type Policy = 'public' | { allow: readonly string[]; allowPrivate?: readonly string[] };
type Answer = readonly string[] | { delay_ms: number; addresses: readonly string[] };

/** A case of the corpus. */
export type EgressCase = {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly request: {
    url: string;
    method?: string;
    headers?: Record<string, string>;
    body?: string;
    repeat?: number;
  };
  readonly policy: Policy;
  readonly dns?: Readonly<Record<string, readonly Answer[]>>;
  readonly server?: {
    redirects?: readonly (string | { status?: number; location: string })[];
  } & Record<string, unknown>;
  readonly expect: {
    verdict: 'deny' | 'allow' | 'limit';
    acceptable?: readonly string[];
    must_not_send?: unknown;
  };
};

/** @returns What is wrong; nothing when the case passes */
export async function runEgressCase(attack: EgressCase): Promise<string[]> {
  const connected: { address: string; port: number }[] = [];
  const looked = new Map<string, number>();
  const redirects = [...(attack.server?.redirects ?? [])];
  let received = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      const next = redirects.shift();
      const location = typeof next === 'string' ? next : next?.location;
      const status = typeof next === 'object' && next.status !== undefined ? next.status : 302;
      socket.end(
        location === undefined
          ? OK
          : `HTTP/1.1 ${status} Found\r\nlocation: ${location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { serve, close } = createFetchCapability({
    policy: { hosts: rulesOf(attack.policy), lan: lanOf(attack.policy), own: [], allowPlain: true },
    secrets: new SecretBook([]),
    trust: { fingerprints: [], ca: undefined },
    async resolve(hostname) {
      const answers = attack.dns?.[hostname] ?? attack.dns?.[`${hostname}.`];
      const turn = looked.get(hostname) ?? 0;
      looked.set(hostname, turn + 1);
      const answer = answers?.[Math.min(turn, answers.length - 1)];
      if (answer === undefined) throw new Error('no such name');
      if (!('addresses' in answer)) return answer;
      await new Promise((done) => setTimeout(done, Math.min(answer.delay_ms, 5_000)));
      return answer.addresses;
    },
    detour({ address, port: wanted }) {
      connected.push({ address, port: wanted });
      return { address: '127.0.0.1', port, plain: true };
    },
  });
  const { url, method = 'GET', headers = {}, body } = attack.request;
  const cancellation = new Cancellation();
  let outcome = 'allow';
  try {
    await serve(
      {
        url,
        method,
        headers: Object.entries(headers),
        redirect: 'follow',
        ...(body === undefined ? {} : { body: { text: body } }),
      },
      {
        instance: 'x',
        callId: 'x',
        handler: 'x',
        operationId: 'x',
        sequence: 1,
        deadline: new Deadline(Date.now(), 3_000),
        dryRun: false,
        cancellation,
        usage: { calls: 0, bytesIn: 0, bytesOut: 0, denied: 0 },
      },
      async function* none() {},
    );
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const timedOut = error.code === 'REMOTE_TIMED_OUT' && connected.length === 0;
    outcome = timedOut
      ? 'deny'
      : /^EGRESS_DENIED|EXTENSION_OUTPUT_INVALID/.test(error.code)
        ? 'deny'
        : 'limit';
  } finally {
    cancellation.cancel();
    await close();
    server.close();
  }
  const problems: string[] = [];
  for (const { address, port: wanted } of connected) {
    if (isForbidden(attack.policy, address, wanted))
      problems.push(`connected to ${address}:${wanted}`);
  }
  const { verdict, acceptable = [] } = attack.expect;
  // One connection to the address that was checked is what rebinding is met with.
  const safe = ['allow', ...(connected.length === 1 ? ['connect-first-answer'] : [])];
  if (verdict === 'deny' && outcome === 'allow' && !safe.some((each) => acceptable.includes(each)))
    problems.push('was allowed');
  if (verdict === 'allow' && outcome === 'deny' && !acceptable.includes('deny'))
    problems.push('was refused');
  if (
    typeof attack.expect.must_not_send === 'string' &&
    received.includes(attack.expect.must_not_send)
  )
    problems.push(`sent "${attack.expect.must_not_send}"`);
  return problems;
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok';

function rulesOf(policy: Policy): HostRule[] {
  if (policy === 'public') return [{ pattern: '*', ports: [80, 443], entry: '*' }];
  return policy.allow.map((entry) => {
    const [, pattern = entry, port] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    return { pattern, ports: port === undefined ? [80, 443] : [Number(port)], entry };
  });
}

function lanOf(policy: Policy): { cidr: string; reason: string; http: true }[] {
  if (policy === 'public') return [];
  return (policy.allowPrivate ?? []).map((cidr) => ({ cidr, reason: 'case', http: true }));
}

function isForbidden(policy: Policy, address: string, port: number): boolean {
  const parsed = ipaddr.process(address);
  const granted = lanOf(policy).some(({ cidr }) => {
    const [range, bits] = ipaddr.parseCIDR(cidr);
    return range.kind() === parsed.kind() && parsed.match(range, bits);
  });
  if (granted) return false;
  return !isPublic(parsed) || (policy === 'public' && port !== 80 && port !== 443);
}
