import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { HostError } from '../../../host/errors.ts';
import { makeRoom } from '../../../host/lifecycle/evict.ts';
import type { Instance } from '../../../host/lifecycle/instance.ts';
import { LIMITS } from '../../../host/limits.ts';

/** As many hot ones as may be; those of which it is known since when are idle. */
function hotOnes(idleSince: Readonly<Record<number, number>>): {
  readonly all: () => { readonly instance: Instance }[];
  readonly evicted: number[];
} {
  const evicted: number[] = [];
  const instances = Array.from({ length: LIMITS.hotInstances }, (_, at) => ({
    instance: {
      isHot: true,
      idleSinceMs: idleSince[at],
      evict: async () => void evicted.push(at),
    } as unknown as Instance,
  }));
  return { all: () => instances, evicted };
}

describe('room for another isolate', () => {
  it('is made by giving up the one that was not called for the longest', () => {
    const full = hotOnes({ 3: 300, 7: 100, 9: 200 });
    makeRoom(full);
    assert.deepEqual(full.evicted, [7]);
  });

  it('is there while fewer are hot', () => {
    const full = hotOnes({ 0: 1 });
    makeRoom({ all: () => full.all().slice(1) });
    assert.deepEqual(full.evicted, []);
  });

  it('is refused when every one has work', () => {
    const full = hotOnes({});
    assert.throws(
      () => makeRoom(full),
      ({ code }: HostError) => code === 'HOST_OVERLOADED',
    );
  });
});
