// Gives isolates up that nobody has called for a while, or that are too many. The next call starts them again.

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Instance } from './instance.ts';

/** What is looked at: every instance, hot or cold. */
type All = { all(): readonly { readonly instance: Instance }[] };

/** Looks every few seconds; `stop` ends it. */
export function createEvictor(instances: All): { stop(): void } {
  const look = (): void => {
    const now = performance.now();
    for (const { instance, since } of longestIdle(instances)) {
      // It stays where it is when it cannot start anew; that failure is in its state.
      instance.recycle().catch(() => undefined);
      if (now - since > LIMITS.evictIdleMs) void instance.evict();
    }
  };
  const timer = setInterval(look, LIMITS.evictLookMs).unref();
  return { stop: () => clearInterval(timer) };
}

/**
 * Makes sure that one more isolate may start, by giving up the one that was not called for the longest.
 *
 * @throws {HostError} `HOST_OVERLOADED` when as many as may be are hot and all of them have work
 */
export function makeRoom(instances: All): void {
  const hot = instances.all().filter(({ instance }) => instance.isHot).length;
  if (hot < LIMITS.hotInstances) return;
  const [oldest] = longestIdle(instances);
  if (oldest === undefined) {
    throw new HostError(
      'HOST_OVERLOADED',
      `Cannot start another isolate: ${hot} are running, and all of them have work`,
      { remedy: 'Try again when some calls have ended' },
    );
  }
  void oldest.instance.evict();
}

function longestIdle(instances: All): { readonly instance: Instance; readonly since: number }[] {
  return instances
    .all()
    .flatMap(({ instance }) => {
      const since = instance.idleSinceMs;
      return since === undefined ? [] : [{ instance, since }];
    })
    .toSorted((a, b) => a.since - b.since);
}
