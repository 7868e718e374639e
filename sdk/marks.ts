// The mark that an instance leaves on a vendor's objects, so that a webhook can tell its own payments
// from those of another shop, or of another panel, on the same account. Used by gateways.

import type { Storage } from './capabilities.ts';
import { fail } from './errors.ts';

/** Characters of an instance's name: 48 random bits, enough for every instance of one account. */
const NAME_CHARS = 12;

/** The random name of this instance, 12 characters `[0-9a-f]`; made on first use, kept for good. */
export async function instanceName(storage: Storage): Promise<string> {
  const stored = await storage.get<string>('instance');
  if (stored !== null) return stored;
  const made = crypto.randomUUID().replaceAll('-', '').slice(0, NAME_CHARS);
  if (await storage.compareAndSet('instance', null, made)) return made;
  // Another call was faster: its name counts.
  return (await storage.get<string>('instance')) ?? made;
}

/**
 * The mark for something made for an invoice: `<instance>.<invoice id>`.
 *
 * @param charsMax What the vendor's field takes
 * @throws `invalid_input` when the invoice id is empty, too long or not printable ASCII
 */
export async function makeMark(
  storage: Storage,
  invoiceId: string,
  charsMax: number,
): Promise<string> {
  const mark = `${await instanceName(storage)}.${invoiceId}`;
  if (/^[ -~]+$/.test(invoiceId) && mark.length <= charsMax) return mark;
  throw fail(
    'invalid_input',
    `Cannot mark a payment with invoice id "${invoiceId.slice(0, 100)}"`,
    {
      remedy: `Use an invoice id of 1 to ${charsMax - NAME_CHARS - 1} printable ASCII characters`,
    },
  );
}

/** The invoice that a mark of this instance names; undefined for anything of somebody else's. */
export async function readMark(
  storage: Storage,
  mark: string | null | undefined,
): Promise<string | undefined> {
  const prefix = `${await instanceName(storage)}.`;
  if (mark === null || mark === undefined || !mark.startsWith(prefix)) return undefined;
  return mark.slice(prefix.length) || undefined;
}
