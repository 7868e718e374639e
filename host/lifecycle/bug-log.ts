// Bugs of ours that guests have met, in the log: a guest that finds one may come again a thousand times.

import type { Logger } from 'pino';

import type { OnBug } from '../capabilities/failures.ts';
import { LIMITS } from '../limits.ts';
import { WindowCount } from '../window-count.ts';

/** Logs them, of one instance at most `LIMITS.bugsLogged` in a minute. */
export function createBugLog(log: Pick<Logger, 'error'>, nowMs: () => number): OnBug {
  const counts = new WindowCount(nowMs);
  return (error, place) => {
    const { count } = counts.add(place.instance);
    if (count > LIMITS.bugsLogged) return;
    const isLast = count === LIMITS.bugsLogged;
    const more = isLast ? ': more of this instance are not logged for a minute' : '';
    log.error({ err: error, ...place }, `capability failed${more}`);
  };
}
