// PayPal's own descriptions as a check of requests. Where they are absent the rules of routes.ts hold.

import { createOpenApiCheck, readOpenApi } from '../openapi.ts';
import type { OpenApi, OpenApiCheck } from '../openapi.ts';
import { DOCUMENTATION, noteJudged } from '../oracle.ts';

const NAMES = [
  'checkout_orders_v2',
  'payments_payment_v2',
  'vault_payment_tokens_v3',
  'billing_subscriptions_v1',
  'catalogs_products_v1',
  'notifications_webhooks_v1',
  'customer_disputes_v1',
];

// The description of February 2024 lists only the older kind of token; PayPal's guide to its vault takes
// an approved setup token by this type.
const NEWER = /payment-tokens body\/payment_source\/token\/type must be equal to one of/;

/** Loads the check; undefined where the descriptions are absent. The token request has none. */
export function loadPayPalCheck(): OpenApiCheck | undefined {
  const documents: Record<string, OpenApi> = {};
  for (const name of NAMES) {
    const document = readOpenApi(`paypal/${name}.json`);
    if (document === undefined) return undefined;
    documents[`${name}.json`] = document;
  }
  const check = createOpenApiCheck('gateways/paypal', documents);
  return (request) => {
    if (request.path === '/v1/oauth2/token') {
      noteJudged('gateways/paypal', DOCUMENTATION);
      return [];
    }
    return check(request).filter((problem) => !NEWER.test(problem));
  };
}
