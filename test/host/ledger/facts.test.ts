// How facts leave a handler's result: a busy day in one call, written in parts; one too many in none.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createFactRecorder } from '../../../host/ledger/facts.ts';
import { LIMITS } from '../../../host/limits.ts';
import type { FactRow, FactStore } from '../../../host/store/facts.ts';

const INSTANCE = 'gateways/bank-transfer/default';

function start() {
  const written: number[] = [];
  const store = {
    putFacts: async ({ facts }: { facts: readonly unknown[] }) => {
      written.push(facts.length);
      return [] as FactRow[];
    },
  } as unknown as FactStore;
  const recorder = createFactRecorder({
    store,
    nowMs: () => 1,
    message: () => undefined,
    onRecorded: () => {},
  });
  return { written, recorder };
}

const resultOf = (count: number): string =>
  JSON.stringify({
    facts: Array.from({ length: count }, (_, nth) => ({
      externalId: `pay_${nth}`,
      kind: 'payment',
      state: 'succeeded',
      amountMinor: 1,
      currency: 'EUR',
    })),
  });

describe('facts in a result', { timeout: 20_000 }, () => {
  it('are written in parts, as many as a result may have', async () => {
    const { written, recorder } = start();
    await recorder.record(INSTANCE, resultOf(LIMITS.factsPerResult));
    assert.equal(Math.max(...written), LIMITS.factsPerWrite);
    assert.equal(
      written.reduce((sum, each) => sum + each, 0),
      LIMITS.factsPerResult,
    );
  });

  it('are refused when an instance told of too many within a day, those of others are not', async () => {
    const { written, recorder } = start();
    const whole = Math.floor(LIMITS.factsPerDay / LIMITS.factsPerResult);
    const rest = LIMITS.factsPerDay - whole * LIMITS.factsPerResult;
    for (let at = 0; at < whole; at += 1) {
      await recorder.record(INSTANCE, resultOf(LIMITS.factsPerResult));
    }
    if (rest > 0) await recorder.record(INSTANCE, resultOf(rest));
    const before = written.length;
    await assert.rejects(recorder.record(INSTANCE, resultOf(1)), {
      code: 'EXTENSION_QUOTA_EXCEEDED',
    });
    assert.equal(written.length, before);
    await recorder.record('gateways/other/default', resultOf(1));
    assert.equal(written.length, before + 1);
  });

  it('are refused when there is one too many, and none is written', async () => {
    const { written, recorder } = start();
    await assert.rejects(recorder.record(INSTANCE, resultOf(LIMITS.factsPerResult + 1)), {
      code: 'EXTENSION_OUTPUT_INVALID',
    });
    assert.deepEqual(written, []);
  });
});
