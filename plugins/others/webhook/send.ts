// One signed message to the receiver, as Standard Webhooks defines it, and what its answer means.
// @see https://www.standardwebhooks.com (specification 1.0.0)

import { fail, networkFailure, readRetryAfter } from 'cofferdam/sdk';
import type { Context } from 'cofferdam/sdk';

/** A receiver gets this long; the specification asks for 15 to 30 seconds. */
const ANSWER_MS = 15_000;
/** Answers that say: this message will never be taken as it is. */
const FINAL: ReadonlySet<number> = new Set([400, 405, 413, 414, 415, 422]);

type Connection = Pick<Context<unknown>, 'fetch' | 'call'> & {
  readonly config: {
    readonly url: string;
    readonly signingSecret: string;
    readonly previousSecret?: string | undefined;
    readonly authorization?: string | undefined;
  };
};

/**
 * Sends one message.
 *
 * @param message.id The same on every try: the receiver keeps it once
 * @returns The status of the answer, 200 to 299
 * @throws {ExtensionFailure} `not_found` for 410, `rejected` for answers that no other try can change; both
 *   final. `rate_limited`, `unavailable`, `timeout`: to be tried again
 */
export async function sendMessage(
  { fetch, call, config }: Connection,
  message: { readonly id: string; readonly body: string; readonly nowMs: number },
): Promise<number> {
  const { id, body } = message;
  const seconds = String(Math.floor(message.nowMs / 1_000));
  const secrets = [config.signingSecret, config.previousSecret ?? ''].filter(Boolean);
  const signed = `${id}.${seconds}.${body}`;
  const signatures = await Promise.all(secrets.map((secret) => sign(secret, signed)));
  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(ANSWER_MS)]);
  const authorization = config.authorization ?? '';
  let response: Response;
  try {
    response = await fetch(config.url, {
      method: 'POST',
      body,
      redirect: 'manual',
      signal,
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': seconds,
        'webhook-signature': signatures.map((signature) => `v1,${signature}`).join(' '),
        ...(authorization === '' ? {} : { authorization }),
      },
    });
  } catch (error) {
    throw networkFailure(error, 'The receiver');
  }
  // Nothing in an answer's body matters; an endless one must not be read.
  await response.body?.cancel();
  if (response.ok) return response.status;
  throw refusal(response);
}

/** HMAC-SHA256 in base64. The secret is a stand-in: the host has the key. */
async function sign(secret: string, text: string): Promise<string> {
  const encoder = new TextEncoder();
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), hmac, false, ['sign']);
  const signature = await crypto.subtle.sign('HMAC', key, encoder.encode(text));
  return new Uint8Array(signature).toBase64();
}

function refusal({ status, headers }: Response): Error {
  const what = `The receiver answered ${status}`;
  if (status === 410) {
    return fail('not_found', `${what}: it does not want messages any more`, {
      remedy: 'Disable this instance, or enter the new address in its configuration',
    });
  }
  if (FINAL.has(status)) {
    return fail('rejected', `${what}: it does not take this message`, {
      remedy: 'Compare the template with what the receiver expects, then deliver it again by hand',
    });
  }
  const retryAfterMs = readRetryAfter(headers.get('retry-after'));
  const more = {
    retriable: true,
    remedy: 'Look at the log of the receiver; the message is sent again by itself',
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  if (status === 429) return fail('rate_limited', what, more);
  if (status >= 300 && status <= 399) return fail('unavailable', `${what}: a redirect`, more);
  return fail('unavailable', what, more);
}
