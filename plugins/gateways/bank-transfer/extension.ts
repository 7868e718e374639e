// Bank transfer: bank details with a reference for the customer, and the matching of what arrived.

import { checkPayable, defineGateway, fail, formatMinor } from 'cofferdam/sdk';

import { config } from './config.ts';
import { matchEntries, readMatched, recordPayment } from './matching.ts';
import { isIban, makeReference } from './references.ts';
import { readStatement } from './statements.ts';

export default defineGateway({
  config,

  async testConnection({ config: { iban } }) {
    if (isIban(iban)) return { ok: true, message: `The check digits of ${iban} are right` };
    const message = `The check digits of ${iban} are wrong`;
    return { ok: false, message, remedy: 'Copy the IBAN from a statement of the account' };
  },

  // The fields are shown to the customer; the form leads back to the invoice and sends nothing away.
  async pay({ invoice, amount, returnUrl }, ctx) {
    const { holder, iban, bic, currency, note } = ctx.config;
    checkPayable(amount);
    if (amount.currency !== currency) {
      throw fail('unsupported', `The account takes ${currency}, not ${amount.currency}`, {
        remedy: 'Offer another payment method for this currency',
      });
    }
    const reference = await makeReference(ctx, invoice.id, amount);
    return {
      kind: 'form',
      action: returnUrl,
      method: 'GET',
      externalId: reference,
      fields: {
        holder,
        iban,
        ...(bic === '' ? {} : { bic }),
        amount: formatMinor(amount),
        currency,
        reference,
        ...(note === '' ? {} : { note }),
      },
    };
  },

  async webhook() {
    throw fail('unauthorized', 'A bank sends no webhooks: nothing that arrives here is believed', {
      remedy: 'Import a statement, or record the payment by hand',
    });
  },

  async canUse({ amount, recurring = false }, { config: { currency } }) {
    if (recurring) return { ok: false, reason: 'Transfers do not renew by themselves' };
    if (amount.currency === currency) return { ok: true };
    return { ok: false, reason: `The account takes ${currency}, not ${amount.currency}` };
  },

  async reconcile({ statement }, ctx) {
    if (statement === undefined) return { facts: await readMatched(ctx) };
    return { facts: (await matchEntries(readStatement(String(statement)), ctx)).facts };
  },

  actions: {
    importStatement: {
      label: 'Import a statement',
      audience: 'admin',
      fields: [{ name: 'statement', label: 'CAMT.053 or MT940', type: 'textarea', required: true }],
      async run({ values }, ctx) {
        const entries = readStatement(String(values['statement'] ?? ''));
        const { facts, unmatched } = await matchEntries(entries, ctx);
        const message = `${facts.length} payments matched, ${unmatched.length} to look at`;
        return { message, facts, data: { unmatched: [...unmatched] } };
      },
    },
    recordPayment: {
      label: 'Record a payment by hand',
      audience: 'admin',
      fields: [
        { name: 'reference', label: 'Reference (RF…)', type: 'text', required: true },
        { name: 'amountMinor', label: 'Amount in minor units', type: 'number', required: true },
        { name: 'bankReference', label: 'The bank’s reference', type: 'text', required: true },
      ],
      async run({ values }, ctx) {
        const fact = await recordPayment(values, ctx);
        return { message: `Recorded for invoice "${fact.invoiceId ?? ''}"`, facts: [fact] };
      },
    },
  },
});
