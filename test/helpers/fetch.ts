// The fetch capability by itself: names resolve to loopback, whose range is granted, as a call would use it.

import { randomUUID } from 'node:crypto';

import { Cancellation } from '../../host/cancellation.ts';
import { Deadline } from '../../host/deadline.ts';
import type { CallScope } from '../../host/capabilities/capability.ts';
import { expandHosts } from '../../host/capabilities/egress.ts';
import { createFetchCapability } from '../../host/capabilities/fetch.ts';
import { withOperationKeys } from '../../host/capabilities/fetch-idempotency.ts';
import type { KeyRule } from '../../host/capabilities/fetch-idempotency.ts';
import type { FetchPowers } from '../../host/capabilities/fetch.ts';
import { SecretBook } from '../../host/capabilities/secrets.ts';

/** What a guest would have been given. */
export type FetchedReply = {
  readonly status: number;
  readonly headers: [string, string][];
  readonly url: string;
  readonly redirected: boolean;
  readonly text: string;
};

/** A capability and a way to use it. */
export type TestFetch = AsyncDisposable & {
  send(url: string, init?: object, scope?: Partial<CallScope>): Promise<FetchedReply>;
};

/** Grants every name of `hosts`, on any port. */
export function createTestFetch(
  hosts: readonly string[],
  { keys = [], ...powers }: Partial<FetchPowers> & { readonly keys?: readonly KeyRule[] } = {},
): TestFetch {
  const config = Object.fromEntries(hosts.map((host, at) => [`host${at}`, host]));
  const { serve: send, close } = createFetchCapability({
    policy: {
      hosts: expandHosts(
        hosts.map((_host, at) => `{config.host${at}}`),
        config,
      ),
      lan: [{ cidr: '127.0.0.0/8', reason: 'test', http: true }],
      own: [],
    },
    secrets: new SecretBook([]),
    trust: { fingerprints: [], ca: undefined },
    resolve: async () => ['127.0.0.1'],
    ...powers,
  });
  const serve = withOperationKeys(send, { rules: keys, addressOf: (url) => url });
  return {
    async send(url, init = {}, more = {}) {
      const payload = { url, method: 'GET', headers: [], redirect: 'follow', ...init };
      const { value, body } = await serve(payload, scopeOf(more), () => nothing());
      const { body: whole, ...head } = value as FetchedReply & {
        body?: { text?: string; base64?: string } | null;
      };
      if (body === undefined) return { ...head, text: whole?.text ?? whole?.base64 ?? '' };
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      return { ...head, text: Buffer.concat(chunks).toString() };
    },
    [Symbol.asyncDispose]: close,
  };
}

/** The scope of a call of its own. */
export function scopeOf(more: Partial<CallScope> = {}): CallScope {
  return {
    instance: 'others/test/default',
    callId: 'call_test',
    handler: 'execute',
    operationId: randomUUID(),
    sequence: 1,
    deadline: new Deadline(Date.now(), 10_000),
    dryRun: false,
    cancellation: new Cancellation(),
    usage: { calls: 0, bytesOut: 0, bytesIn: 0, denied: 0 },
    ...more,
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // No upload.
}
