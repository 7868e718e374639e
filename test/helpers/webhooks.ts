// The host's own check of webhooks for handlers that run in plain Node: signatures as they are, vendors
// asked through the fetch that the test gives.

import { fail } from '../../sdk/index.ts';
import type { Webhooks, WebhookCheck } from '../../sdk/index.ts';
import type { Capability } from '../../host/capabilities/capability.ts';
import { SecretBook } from '../../host/capabilities/secrets.ts';
import { createWebhookCheck } from '../../host/capabilities/webhook.ts';
import { scopeOf } from './fetch.ts';

/** A web fetch as the capability that the host would have. */
function capabilityOf(send: typeof fetch): Capability {
  return async (payload) => {
    // What host/capabilities/webhook-call-back.ts asks for.
    const { url, method, headers, body } = payload as {
      readonly url: string;
      readonly method: string;
      readonly headers: [string, string][];
      readonly body?: { readonly base64: string };
    };
    const text = body === undefined ? {} : { body: Buffer.from(body.base64, 'base64').toString() };
    const reply = await send(url, { method, headers, ...text });
    return { value: { status: reply.status, body: { text: await reply.text() } } };
  };
}

/** Makes `ctx.webhooks`; nothing is remembered between two of them. */
export function createTestWebhooks(send: typeof fetch): Webhooks {
  const seen = new Map<string, string>();
  const check = createWebhookCheck({
    secrets: new SecretBook([]),
    nowMs: Date.now,
    fetch: capabilityOf(send),
    store: {
      async seeOnce({ id, by }) {
        const known = seen.get(id) ?? by;
        seen.set(id, known);
        return known === by ? 'new' : 'seen';
      },
    },
  });
  return {
    async verify(request, scheme) {
      const { value } = await check({ request, scheme }, scopeOf(), () => {
        throw new TypeError('Nothing is uploaded');
      });
      const { valid, why, ...told } = value as WebhookCheck & { valid: boolean; why?: string };
      if (valid) return told;
      throw fail('unauthorized', `Cannot verify a webhook: ${why ?? ''}`);
    },
  };
}
