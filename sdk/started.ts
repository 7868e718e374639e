// What was started at a vendor for an invoice and is not settled yet: a payment page, a charge that
// waits for the customer. Without it a second visit or a renewal could take the money twice.

import type { Storage } from './capabilities.ts';

/** How long it is kept: pages live for hours, a bank payment may take days to show. */
const KEEP_MS = 14 * 24 * 60 * 60 * 1_000;

/** Something started for an invoice. */
export type Started = {
  /** The vendor's id; empty while the vendor is being asked. */
  readonly id: string;
  /** The operation that started it, as in `call.operationId` */
  readonly operation: string;
  /** What it is, in the gateway's own words: `order`, `subscription`, `charge` */
  readonly mode: string;
  readonly amountMinor: number;
  readonly currency: string;
  /** Epoch milliseconds */
  readonly atMs: number;
};

/** What is remembered of an invoice; null when nothing is. */
export async function readStarted(storage: Storage, invoiceId: string): Promise<Started | null> {
  return await storage.get<Started>(keyOf(invoiceId));
}

/**
 * Remembers what was started, unless somebody else has changed what is remembered since.
 *
 * @param replaces What was read before; null when nothing was
 * @returns Whether it is remembered. A repeat of the same operation is no competitor
 */
export async function rememberStarted(
  storage: Storage,
  invoiceId: string,
  { started, replaces }: { readonly started: Started; readonly replaces: Started | null },
): Promise<boolean> {
  const key = keyOf(invoiceId);
  if (!(await storage.compareAndSet(key, replaces, started))) {
    const stored = await storage.get<Started>(key);
    if (stored?.operation !== started.operation) return false;
  }
  await storage.set(key, started, { ttlMs: KEEP_MS });
  return true;
}

/** Forgets it, when it is still the one that is remembered. */
export async function forgetStarted(
  storage: Storage,
  invoiceId: string,
  started: Pick<Started, 'id'> | Pick<Started, 'operation'>,
): Promise<void> {
  const stored = await readStarted(storage, invoiceId);
  if (stored === null) return;
  const same = 'id' in started ? stored.id === started.id : stored.operation === started.operation;
  if (same) await storage.delete(keyOf(invoiceId));
}

/** Everything that is remembered, at most `limit` (1–1000): what `reconcile` must look after. */
export async function listStarted(
  storage: Storage,
  limit: number,
): Promise<{ readonly invoiceId: string; readonly started: Started }[]> {
  const all = await storage.list<Started>(keyOf(''), { limit });
  return all.map(({ key, value }) => ({ invoiceId: key.slice(keyOf('').length), started: value }));
}

function keyOf(invoiceId: string): string {
  return `started:${invoiceId}`;
}
