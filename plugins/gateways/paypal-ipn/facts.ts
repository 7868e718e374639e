// What a verified notification means for the ledger.

import { fail, readMark, readStarted } from 'cofferdam/sdk';
import type { Fact, Money } from 'cofferdam/sdk';

import { amounts } from './button.ts';
import type { IpnContext } from './config.ts';
import { refuse } from './notification.ts';

// A refund or a reversal has an id of its own and names the payment; all others are about the payment.
const PAYMENT_STATES: ReadonlyMap<string, Fact['state']> = new Map([
  ['Completed', 'succeeded'],
  ['Processed', 'processing'],
  ['Created', 'processing'],
  ['Pending', 'processing'],
  ['In-Progress', 'processing'],
  ['Denied', 'failed'],
  ['Failed', 'failed'],
  ['Expired', 'failed'],
  ['Voided', 'failed'],
]);

/** What a verified notification means; one that is not about this instance means nothing. */
export async function readFacts(
  fields: URLSearchParams,
  ctx: IpnContext,
): Promise<readonly Fact[]> {
  if (!isReceiver(fields, ctx)) {
    throw refuse('the money went to another account than the one in the configuration');
  }
  const invoiceId = await readMark(ctx.storage, fields.get('custom'));
  const status = fields.get('payment_status') ?? '';
  if (invoiceId === undefined || status === '') return [];
  const id = readId(fields, 'txn_id');
  const money = readMoney(fields);
  if (!(await isOnly(ctx, id, invoiceId))) return [];
  switch (status) {
    case 'Refunded':
      return [
        {
          externalId: id,
          kind: 'refund',
          state: 'refunded',
          ...money,
          ...parentOf(fields),
          invoiceId,
        },
      ];
    case 'Reversed':
      return [reversalFact(fields, { money, invoiceId, state: 'disputed' })];
    case 'Canceled_Reversal':
      return [reversalFact(fields, { money, invoiceId, state: 'failed' })];
    default: {
      const state = PAYMENT_STATES.get(status);
      if (state === undefined) {
        ctx.log.warn('PayPal sent a status that is not known', { status, payment: id });
        return [];
      }
      await warnOfOther(ctx, { id, invoiceId, money });
      const fee = readFee(fields);
      return [{ externalId: id, kind: 'payment', state, ...money, invoiceId, ...fee }];
    }
  }
}

function isReceiver(fields: URLSearchParams, { config }: IpnContext): boolean {
  const email = (fields.get('receiver_email') ?? '').toLowerCase();
  if (email === config.email.toLowerCase()) return true;
  return config.merchantId !== '' && fields.get('receiver_id') === config.merchantId;
}

/**
 * Money taken back, or given again: one dispute per payment, whose id follows from the payment's, because
 * the notification of the end has a new id of its own.
 */
function reversalFact(
  fields: URLSearchParams,
  about: { readonly money: Money; readonly invoiceId: string; readonly state: Fact['state'] },
): Fact {
  const { money, invoiceId, state } = about;
  const parent = readId(fields, 'parent_txn_id');
  return {
    externalId: `${parent}-reversal`,
    kind: 'dispute',
    state,
    ...money,
    relatedExternalId: parent,
    invoiceId,
  };
}

/** One transaction pays one invoice; the first that it was told for counts. */
async function isOnly(
  { storage, log }: IpnContext,
  id: string,
  invoiceId: string,
): Promise<boolean> {
  const key = `transaction:${id}`;
  if (await storage.compareAndSet(key, null, invoiceId)) return true;
  const stored = await storage.get<string>(key);
  if (stored === invoiceId) return true;
  log.warn('A transaction was told for a second invoice', { transaction: id, invoiceId });
  return false;
}

/** The host compares with the invoice; the log says why, because the customer changed the address. */
async function warnOfOther(
  { storage, log }: IpnContext,
  paid: { readonly id: string; readonly invoiceId: string; readonly money: Money },
): Promise<void> {
  const started = await readStarted(storage, paid.invoiceId);
  const { amountMinor, currency } = paid.money;
  if (started === null) return;
  if (started.amountMinor === amountMinor && started.currency === currency) return;
  log.warn('A payment is over another amount than was asked for', {
    payment: paid.id,
    invoiceId: paid.invoiceId,
    asked: `${started.amountMinor} ${started.currency}`,
    paid: `${amountMinor} ${currency}`,
  });
}

/** Refunds and reversals are negative; facts say by their kind which way the money went. */
function readMoney(fields: URLSearchParams): Money {
  const gross = (fields.get('mc_gross') ?? '').replace(/^-/, '');
  return amounts.read(gross, fields.get('mc_currency') ?? '');
}

function readFee(fields: URLSearchParams): { feeMinor?: number } {
  const fee = fields.get('mc_fee');
  if (!fee) return {};
  return { feeMinor: amounts.read(fee, fields.get('mc_currency') ?? '').amountMinor };
}

function parentOf(fields: URLSearchParams): { relatedExternalId: string } {
  return { relatedExternalId: readId(fields, 'parent_txn_id') };
}

function readId(fields: URLSearchParams, name: string): string {
  const id = fields.get(name) ?? '';
  if (/^[A-Za-z0-9-]{1,40}$/.test(id)) return id;
  throw fail('invalid_response', `PayPal's notification has no usable "${name}"`);
}
