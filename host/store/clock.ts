// The clock that everything due is written and compared by: that of the store, which all of its hosts share,
// so that none of them takes the other's work for late or for early. Between two looks at it a steady
// clock goes on: what the machine's own is set to meanwhile changes nothing.

import type { Store } from './store.ts';

/** As far as whoever waits for something needs it. */
export type StoreClock = {
  /** Epoch milliseconds, whole */
  readonly nowMs: () => number;
  /** Looks at the store's clock. @throws {HostError} `HOST_STORE_FAILED` */
  readonly sync: () => Promise<void>;
};

/**
 * Makes it, in step with the store.
 *
 * @param steadyMs Milliseconds of a clock that is never set
 */
export async function openStoreClock(
  store: Pick<Store, 'readClock'>,
  steadyMs: () => number,
): Promise<StoreClock> {
  let aheadMs = 0;
  const sync = async (): Promise<void> => {
    const askedMs = steadyMs();
    const toldMs = await store.readClock();
    // It was read somewhere between question and answer.
    aheadMs = toldMs - (askedMs + steadyMs()) / 2;
  };
  await sync();
  return { nowMs: () => Math.floor(steadyMs() + aheadMs), sync };
}
