// Instant payment notifications: echoed to PayPal byte for byte, believed when PayPal says VERIFIED. The host
// that is asked is fixed by the config, whatever a notification says. facts.ts tells what one means.
// https://developer.paypal.com/api/nvp-soap/ipn/IPNandPDTVariables/, read 2026-11

import { createRemote, fail, isFailure } from 'cofferdam/sdk';
import type { ExtensionFailure, WebhookRequest } from 'cofferdam/sdk';

import type { IpnContext } from './config.ts';

const BASE_URLS = {
  live: 'https://ipnpb.paypal.com',
  sandbox: 'https://ipnpb.sandbox.paypal.com',
} as const;

/** Characters of a notification; PayPal's own have a few thousand. */
const BODY_CHARS_MAX = 32_768;

/** Verifies a delivery and reads the fields in it. */
export async function readNotification(
  request: WebhookRequest,
  ctx: IpnContext,
): Promise<URLSearchParams> {
  const { body, bodyEncoding, method } = request;
  // A form is ASCII whatever the charset of what is in it.
  const isForm = bodyEncoding === 'utf8' && /^[!-~]+$/.test(body) && body.length <= BODY_CHARS_MAX;
  if (method !== 'POST' || !isForm) throw refuse('it is no form');
  const answer = await askPayPal(`cmd=_notify-validate&${body}`, ctx);
  if (answer === 'INVALID') throw refuse('PayPal did not send it');
  return new URLSearchParams(body);
}

/** Asks PayPal about a form. @returns `VERIFIED` or `INVALID` */
export async function askPayPal(body: string, ctx: IpnContext): Promise<'VERIFIED' | 'INVALID'> {
  const remote = createRemote({
    name: 'PayPal',
    fetch: ctx.fetch,
    baseUrl: BASE_URLS[ctx.config.environment],
    // PayPal answers 403 to programs without a name.
    headers: { 'user-agent': 'Cofferdam-IPN/1.0', accept: 'text/plain, text/html' },
  });
  const request = {
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    signal: ctx.call.signal,
    plain: true,
  };
  const answer = await remote.request('POST', '/cgi-bin/webscr', request).then(
    ({ text }) => text.trim(),
    (error: unknown) => {
      // A web page instead of the word: no answer either.
      if (isFailure(error, 'invalid_response')) return '';
      throw error;
    },
  );
  if (answer === 'VERIFIED' || answer === 'INVALID') return answer;
  throw fail('invalid_response', 'PayPal answered neither VERIFIED nor INVALID', {
    // The next try of the same notification may well be answered.
    retriable: true,
    remedy: 'PayPal sends the notification again by itself',
  });
}

/** The failure of a notification that is not believed. */
export function refuse(why: string): ExtensionFailure {
  return fail('unauthorized', `Cannot believe a notification: ${why}`, {
    remedy: 'Check the e-mail address and the environment in the configuration of this extension',
  });
}
