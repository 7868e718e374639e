// Ticks come once, on time in UTC, and a missed one is made up for once.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { lastDue } from '../../../host/delivery/schedules.ts';

const at = (text: string): number => Date.parse(`2026-03-29T${text}Z`);

describe('a schedule', () => {
  it('ticks at the minute itself, and once', () => {
    const due = (fromMs: number, now: number): string | undefined =>
      lastDue('*/5 * * * *', { fromMs, now })?.toISOString();
    assert.equal(due(at('10:04:59.999'), at('10:05:00.000')), '2026-03-29T10:05:00.000Z');
    assert.equal(due(at('10:05:00.000'), at('10:05:00.500')), undefined);
    assert.equal(due(at('10:05:00.500'), at('10:09:59.999')), undefined);
  });

  it('makes one tick of several that were missed: the newest', () => {
    const missed = lastDue('0 * * * *', { fromMs: at('02:00:00'), now: at('09:30:00') });
    assert.equal(missed?.toISOString(), '2026-03-29T09:00:00.000Z');
  });

  it('goes by UTC through the night in which clocks change', () => {
    const tick = lastDue('30 1 * * *', { fromMs: at('01:00:00'), now: at('01:30:00') });
    assert.equal(tick?.toISOString(), '2026-03-29T01:30:00.000Z');
  });
});
