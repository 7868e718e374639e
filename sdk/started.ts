// What was started at a vendor for an invoice and is not settled yet: a payment page, a charge that
// waits for the customer. Without it a second visit or a renewal could take the money twice.

import type { Call, Storage } from './capabilities.ts';
import { fail } from './errors.ts';
import type { ExtensionFailure } from './errors.ts';
import type { Money } from './money.ts';

/** How long it is kept: pages live for hours, a bank payment may take days to show. */
const KEEP_MS = 14 * 24 * 60 * 60 * 1_000;

/** How long a charge whose outcome is unknown holds up all other ways to pay the invoice. */
const CHARGE_MS = 120_000;

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

/** What a call starts; with an empty `id` it claims the invoice before the vendor is asked. */
export function startedNow(
  call: Call,
  about: { readonly id: string; readonly mode: string; readonly amount: Money },
): Started {
  const { id, mode, amount } = about;
  const { amountMinor, currency } = amount;
  return { id, operation: call.operationId, mode, amountMinor, currency, atMs: Date.now() };
}

/**
 * Whether something is a claim that the vendor has not answered yet: there is nothing to look at.
 *
 * @throws `locked` while it is another operation's and young: its charge may have been made
 */
export function isClaim(started: Started, call: Call): boolean {
  if (started.id !== '') return false;
  const isOurs = started.operation === call.operationId;
  if (isOurs || Date.now() - started.atMs > CHARGE_MS) return true;
  throw lockedInvoice(5_000);
}

/** The failure of a call that another one has overtaken. */
export function lockedInvoice(retryAfterMs = 1_000): ExtensionFailure {
  return fail('locked', 'The invoice is being paid by another call', {
    retryAfterMs,
    remedy: 'Try again in a moment',
  });
}

/** Whether it is of this mode and over this amount, so that its page may be shown again. */
export function isSameStart(
  started: Started,
  want: { readonly amount: Money; readonly mode?: string },
): boolean {
  return (
    started.mode === want.mode &&
    started.amountMinor === want.amount.amountMinor &&
    started.currency === want.amount.currency
  );
}

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

/**
 * Claims an invoice for a charge, before the vendor is asked: from here on no page of it is handed out.
 *
 * @throws `locked` when another call was faster
 */
export async function claimInvoice(
  { storage, call }: { readonly storage: Storage; readonly call: Call },
  invoiceId: string,
  { amount, replaces }: { readonly amount: Money; readonly replaces: Started | null },
): Promise<Started> {
  const started = startedNow(call, { id: '', mode: 'charge', amount });
  if (await rememberStarted(storage, invoiceId, { started, replaces })) return started;
  throw lockedInvoice();
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
