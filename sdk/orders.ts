// Orders that a vendor takes minutes over, and whose name is taken from the first moment. When the reply of
// one is lost, the vendor refuses a repeat as a conflict, though it is this very order that is in the way.

import type { Storage } from './capabilities.ts';
import { fail, isFailure, mayHaveActed } from './errors.ts';

/** How long a vendor may work on an order whose reply was lost. */
const WORK_MS = 5 * 60_000;
/** When to look again. */
const ASK_AGAIN_MS = 15_000;

/**
 * Gives an order, after nothing was found that an earlier one made.
 *
 * @param id What is ordered, such as the id of a service
 * @throws {ExtensionFailure} `locked` instead of `conflict` while an order that nobody heard of may be at work
 */
export async function orderOnce<T>(
  storage: Storage,
  id: string,
  give: () => Promise<T>,
): Promise<T> {
  const isFirst = await storage.compareAndSet(keyOf(id), null, true, { ttlMs: WORK_MS });
  try {
    const made = await give();
    await closeOrder(storage, id);
    return made;
  } catch (error) {
    if (mayHaveActed(error)) await storage.set(keyOf(id), true, { ttlMs: WORK_MS });
    else if (isFirst) await closeOrder(storage, id);
    else if (isFailure(error, 'conflict')) throw atWork(error);
    throw error;
  }
}

/** Forgets an order: what it made was found. */
export async function closeOrder(storage: Storage, id: string): Promise<void> {
  await storage.delete(keyOf(id));
}

/**
 * Makes sure that nothing can still appear, when nothing was found to take away.
 *
 * @throws {ExtensionFailure} `locked` while an order that nobody heard of may be at work
 */
export async function checkNoOrder(storage: Storage, id: string): Promise<void> {
  if ((await storage.get(keyOf(id))) !== null) throw atWork();
}

function atWork(cause?: unknown): Error {
  return fail('locked', 'An earlier order, whose reply was lost, may still be at work', {
    remedy: 'Wait some minutes: it is looked for again',
    retryAfterMs: ASK_AGAIN_MS,
    cause,
  });
}

const keyOf = (id: string): string => `order:${id}`;
