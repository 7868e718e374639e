// Counting the values of a JSON text without parsing it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { hasMoreValues } from '../../../host/broker/json-values.ts';

/** The same count, of what was parsed. */
function countOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value);
  return inner.reduce<number>(
    (sum, each) => sum + countOf(each),
    1 + Math.max(0, inner.length - 1),
  );
}

describe('values of a JSON text', () => {
  it('are counted as those of what it parses to', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.nat(20), (text, most) => {
        const isMore = countOf(JSON.parse(text)) > most;
        assert.equal(hasMoreValues(text, most), isMore && text.length > most);
      }),
    );
  });

  it('are not counted inside of strings, however these end', () => {
    const strings = ['[,{', '"[,', '\\', '\\"[[', '\\\\"'].map((text) => JSON.stringify(text));
    assert.equal(hasMoreValues(`[${strings.join(',')}]`, strings.length), false);
    assert.equal(hasMoreValues(`[${strings.join(',')}]`, strings.length - 1), true);
    assert.equal(hasMoreValues('"[[[[[[', 1), false);
  });
});
