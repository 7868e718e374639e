// Why PayPal refused, read from its error body: the issue says more than the status.

import { z } from 'cofferdam/sdk';
import type { Explanation, FailureCode, RemoteReply } from 'cofferdam/sdk';

const REMEDIES: { readonly [code in FailureCode]?: string } = {
  unauthorized: 'Enter client id and secret of an app of the chosen environment (live or sandbox)',
  forbidden: 'Turn on the features of the app that the README of this extension lists',
  declined: 'Ask the customer for another payment method',
  unsupported: 'Offer another payment method for this currency or country',
};

// Issues and names that say more than their status.
// https://developer.paypal.com/api/rest/reference/orders/v2/errors/
const BY_ISSUE: ReadonlyMap<string, FailureCode> = new Map([
  ['invalid_client', 'unauthorized'],
  ['AUTHENTICATION_FAILURE', 'unauthorized'],
  ['INVALID_RESOURCE_ID', 'not_found'],
  ['RESOURCE_NOT_FOUND', 'not_found'],
  ['RATE_LIMIT_REACHED', 'rate_limited'],
  ['PREVIOUS_REQUEST_IN_PROGRESS', 'locked'],
  ['INSTRUMENT_DECLINED', 'declined'],
  ['CARD_EXPIRED', 'declined'],
  ['PAYER_CANNOT_PAY', 'declined'],
  ['PAYER_ACCOUNT_RESTRICTED', 'declined'],
  ['PAYER_ACCOUNT_LOCKED_OR_CLOSED', 'declined'],
  ['TRANSACTION_REFUSED', 'declined'],
  ['TRANSACTION_BLOCKED_BY_PAYEE', 'declined'],
  ['REDIRECT_PAYER_FOR_ALTERNATE_FUNDING', 'declined'],
  ['ORDER_ALREADY_CAPTURED', 'conflict'],
  ['ORDER_ALREADY_AUTHORIZED', 'conflict'],
  ['ORDER_NOT_APPROVED', 'conflict'],
  ['DUPLICATE_INVOICE_ID', 'conflict'],
  ['CAPTURE_FULLY_REFUNDED', 'conflict'],
  ['AUTHORIZATION_ALREADY_CAPTURED', 'conflict'],
  ['AUTHORIZATION_VOIDED', 'conflict'],
  ['PREVIOUSLY_VOIDED', 'conflict'],
  ['PREVIOUSLY_CAPTURED', 'conflict'],
  ['SUBSCRIPTION_STATUS_INVALID', 'conflict'],
  ['CURRENCY_NOT_SUPPORTED', 'unsupported'],
  ['PAYEE_BLOCKED_TRANSACTION', 'forbidden'],
  ['PERMISSION_DENIED', 'forbidden'],
]);

const errorBody = z.object({
  name: z.string().optional(),
  message: z.string().optional(),
  error: z.string().optional(),
  error_description: z.string().optional(),
  debug_id: z.string().optional(),
  details: z
    .array(
      z.object({
        issue: z.string().optional(),
        description: z.string().optional(),
        field: z.string().optional(),
      }),
    )
    .optional(),
});

/** What an error body says. */
export function explain(reply: RemoteReply): Explanation | undefined {
  const parsed = errorBody.safeParse(reply.json);
  if (!parsed.success) return undefined;
  const { name, message, error, error_description, details = [], debug_id } = parsed.data;
  const [detail] = details;
  const code = [...details.map(({ issue }) => issue), name, error]
    .map((word) => BY_ISSUE.get(word ?? ''))
    .find((known) => known !== undefined);
  const words = [
    detail?.issue ?? name ?? error,
    detail?.description ?? message ?? error_description,
    detail?.field && `field ${detail.field}`,
    debug_id && `debug id ${debug_id}`,
  ];
  const remedy = code === undefined ? statusRemedy(reply.status) : REMEDIES[code];
  return { code, remedy, message: words.filter(Boolean).join(', ') };
}

function statusRemedy(status: number): string | undefined {
  return status === 401 ? REMEDIES.unauthorized : status === 403 ? REMEDIES.forbidden : undefined;
}
