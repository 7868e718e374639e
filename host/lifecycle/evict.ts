// Gives isolates up that nobody has called for a while, or that are too many. The next call starts them again.

import { LIMITS } from '../limits.ts';
import type { Instances } from './instances.ts';

/** Looks every few seconds; `stop` ends it. */
export function createEvictor(instances: Instances, nowMs: () => number): { stop(): void } {
  const look = (): void => {
    const now = nowMs();
    const idle = instances
      .all()
      .map(({ instance }) => ({ instance, since: instance.idleSinceMs }))
      .filter((each): each is typeof each & { since: number } => each.since !== undefined)
      .toSorted((a, b) => a.since - b.since);
    for (const { instance } of idle) {
      // It stays where it is when it cannot start anew; that failure is in its state.
      instance.recycle().catch(() => undefined);
    }
    const tooMany = idle.length - LIMITS.hotInstances;
    for (const [at, { instance, since }] of idle.entries()) {
      if (at < tooMany || now - since > LIMITS.evictIdleMs) void instance.evict();
    }
  };
  const timer = setInterval(look, LIMITS.evictLookMs).unref();
  return { stop: () => clearInterval(timer) };
}
