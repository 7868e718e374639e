// A store that counts how long its operations take. Knows no operation by name: whatever is asked is timed.

import type { Store } from '../store/store.ts';
import { Buckets } from './counts.ts';

/** Milliseconds that operations of the store are sorted by. */
export const STORE_BOUNDS_MS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1_000, 10_000];

/** The numbers of one operation. */
export type OperationCounts = { readonly of: Buckets; failed: number };

/** What a metered store has counted, by the name of its operation. */
export type StoreCounts = ReadonlyMap<string, OperationCounts>;

type Operation = (...args: readonly unknown[]) => unknown;

/**
 * The same store, with its operations timed, but `exclusive` and `listen`: they wait for others by intent, so
 * that their time says nothing about the store.
 *
 * @param clockMs Monotonic milliseconds with a fraction
 */
export function meterStore(
  store: Store,
  clockMs: () => number,
): { readonly store: Store; readonly counts: StoreCounts } {
  const counts = new Map<string, OperationCounts>();
  const meter = (behind: Store): Store => {
    const timed = new Map<string | symbol, unknown>();
    const exclusive: Store['exclusive'] = (key, work, wait) =>
      behind.exclusive(
        key,
        ({ signal, store: held }) =>
          work({ signal, store: held === behind ? metered : meter(held) }),
        wait,
      );
    timed.set('exclusive', exclusive);
    const metered = new Proxy(behind, {
      get(target, name) {
        const known = timed.get(name);
        if (known !== undefined) return known;
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        // Private fields are the store's own: its methods need it as `this`, not the proxy.
        const operation = (value as Operation).bind(target);
        const isTimed = typeof name === 'string' && name !== 'listen';
        const wrapped = isTimed ? time(operation, countsOf(counts, name), clockMs) : operation;
        timed.set(name, wrapped);
        return wrapped;
      },
    });
    return metered;
  };
  return { store: meter(store), counts };
}

function countsOf(counts: Map<string, OperationCounts>, name: string): OperationCounts {
  const made = counts.get(name) ?? { of: new Buckets(STORE_BOUNDS_MS), failed: 0 };
  counts.set(name, made);
  return made;
}

function time(operation: Operation, counts: OperationCounts, clockMs: () => number): Operation {
  return (...args) => {
    const startMs = clockMs();
    const answer = operation(...args);
    if (!(answer instanceof Promise)) return answer;
    const end = (): void => counts.of.add(clockMs() - startMs);
    // Beside the answer, not in front of it: whoever asked waits not a turn longer.
    answer.then(end, () => {
      counts.failed += 1;
      end();
    });
    return answer;
  };
}
