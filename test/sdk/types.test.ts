// What the SDK's types promise: `npm run check` compiles this file, and an expectation that no longer
// holds is an error there. The tests below run what has a value at run time.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import {
  defineGateway,
  defineOther,
  defineServer,
  fail,
  formatMinor,
  parseMinor,
  secret,
  z,
} from 'cofferdam/sdk';
import type { Fact, Service } from 'cofferdam/sdk';

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const proves = <T extends true>(claim?: T): void => void claim;

const server = defineServer({
  config: z.object({
    host: z.hostname(),
    port: z.int().default(8006),
    token: secret({ label: 'Token' }),
    note: z.string().optional(),
  }),
  async create(service, { config, storage, call }) {
    proves<
      Equal<typeof config, { host: string; port: number; token: string; note?: string | undefined }>
    >();
    proves<Equal<typeof service, Service>>();
    proves<Equal<typeof call.signal, AbortSignal>>();
    // @ts-expect-error: there is no such field
    void config.hots;
    // @ts-expect-error: functions are no JSON
    await storage.set('key', () => undefined);
    return { status: 'done', remoteId: '101', properties: { vmid: 101 } };
  },
  suspend: async () => ({ status: 'pending', retryAfterMs: 1_000 }),
  unsuspend: async () => ({ status: 'done' }),
  terminate: async () => ({ status: 'failed', error: fail('locked', 'busy').failure }),
});

defineServer({
  // @ts-expect-error: a result needs a status that is known
  create: async () => ({ status: 'finished' }),
  suspend: async () => ({ status: 'done' }),
  unsuspend: async () => ({ status: 'done' }),
  terminate: async () => ({ status: 'done' }),
});

// @ts-expect-error: a server needs all four handlers
defineServer({ create: async () => ({ status: 'done' }) });

const gateway = defineGateway({
  pay: async ({ amount }) => {
    proves<Equal<typeof amount.amountMinor, number>>();
    return { kind: 'redirect', url: 'https://pay.example/1' };
  },
  webhook: async (request) => {
    proves<Equal<typeof request.body, string>>();
    const fact: Fact = {
      externalId: 'p1',
      kind: 'payment',
      state: 'succeeded',
      amountMinor: 1999,
      currency: 'EUR',
    };
    return { facts: [fact] };
  },
});

const other = defineOther({
  async execute(_input, { config }) {
    proves<Equal<typeof config, Record<string, never>>>();
    return null;
  },
});

it('marks a definition with its category', () => {
  assert.deepEqual(
    [server.category, gateway.category, other.category],
    ['servers', 'gateways', 'others'],
  );
});

it('says of a failure whether another try can help', () => {
  assert.equal(fail('locked', 'x').failure.retriable, true);
  assert.equal(fail('declined', 'x').failure.retriable, false);
  assert.equal(fail('declined', 'x', { retriable: true }).failure.retriable, true);
});

it('reads and writes money of zero, two and three decimals without a float', () => {
  for (const [text, currency, minor] of [
    ['19.99', 'EUR', 1999],
    ['500', 'JPY', 500],
    ['1.234', 'KWD', 1234],
  ] as const) {
    assert.deepEqual(parseMinor(text, currency), { amountMinor: minor, currency });
    assert.equal(formatMinor({ amountMinor: minor, currency }), text);
  }
  assert.throws(() => parseMinor('1.001', 'EUR'));
});
