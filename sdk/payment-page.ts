// The page on which an invoice is paid: one at a time, whoever asks for it and however often.

import type { Context } from './capabilities.ts';
import type { Fact } from './domain.ts';
import type { PayResult } from './gateway.ts';
import type { Money } from './money.ts';
import { lockedInvoice, rememberStarted, startedNow } from './started.ts';
import type { Started } from './started.ts';

/** What has become of what was started for an invoice: paid or being paid, still open, or nothing to mind. */
export type Earlier =
  | { readonly kind: 'paid'; readonly facts: readonly Fact[] }
  | { readonly kind: 'open'; readonly id: string; readonly url: string }
  | { readonly kind: 'none'; readonly replaces: Started | null };

/** How one vendor has its pages. */
export type Pages = {
  /** What was started before; an open page that may not be handed back is closed by it. */
  look(): Promise<Earlier>;
  open(): Promise<{ readonly id: string; readonly url: string }>;
  /** Takes away a page that came second; absent where nothing is taken that is not remembered. */
  close?(id: string): Promise<unknown>;
};

/**
 * Opens a page, or goes on with the one that was opened before.
 *
 * @param about.mode As in `Started`: a page is handed back for the same mode and amount only
 * @throws `locked` when another call is opening one
 */
export async function openPage(
  { storage, call }: Pick<Context<unknown>, 'storage' | 'call'>,
  about: { readonly invoiceId: string; readonly amount: Money; readonly mode: string },
  pages: Pages,
): Promise<PayResult> {
  const earlier = await pages.look();
  if (earlier.kind !== 'none') return answerOf(earlier);
  const made = await pages.open();
  const started = startedNow(call, { id: made.id, mode: about.mode, amount: about.amount });
  const memory = { started, replaces: earlier.replaces };
  if (await rememberStarted(storage, about.invoiceId, memory)) {
    return answerOf({ kind: 'open', ...made });
  }
  // Two visits at once: only one page may stay, or the invoice could be paid on both.
  await pages.close?.(made.id);
  const other = await pages.look();
  if (other.kind !== 'none') return answerOf(other);
  throw lockedInvoice();
}

function answerOf(earlier: Exclude<Earlier, { readonly kind: 'none' }>): PayResult {
  return earlier.kind === 'paid'
    ? { kind: 'done', facts: earlier.facts }
    : { kind: 'redirect', url: earlier.url, externalId: earlier.id };
}
