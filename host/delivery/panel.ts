// Messages to the panel: one POST, signed as Standard Webhooks defines it. The address is the operator's
// own setting, so no egress rule applies; redirects are not followed.
// See https://www.standardwebhooks.com (specification 1.0.0).

import { createHmac } from 'node:crypto';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { DeliveryRow, NewDelivery } from '../store/deliveries.ts';

/** Tells the panel. */
export type PanelMessenger = {
  /** @throws {HostError} `REMOTE_UNREACHABLE`, `REMOTE_TIMED_OUT`, or `REMOTE_PROTOCOL` when it is not taken */
  send(row: Pick<DeliveryRow, 'id' | 'payload'>): Promise<void>;
};

/** The name under which deliveries to the panel stand. */
export const PANEL = 'panel';

/** A message to be delivered to the panel; `subject` keeps those about one thing in order. */
export function panelDelivery(
  message: { readonly type: string; readonly data: object },
  { id, subject, nowMs }: { readonly id: string; readonly subject: string; readonly nowMs: number },
): NewDelivery {
  const { type, data } = message;
  return {
    id,
    kind: 'panel',
    target: PANEL,
    subject,
    type,
    dedupe: id,
    payload: JSON.stringify({ type, timestamp: new Date(nowMs).toISOString(), data }),
    dueMs: nowMs,
    createdMs: nowMs,
  };
}

/**
 * Makes the messenger.
 *
 * @param secret COFFERDAM_PANEL_SECRET: `whsec_` and base64, or any text, whose bytes are the key
 */
export function createPanelMessenger({
  url,
  secret,
  nowMs,
}: {
  readonly url: string;
  readonly secret: string;
  readonly nowMs: () => number;
}): PanelMessenger {
  const key = secret.startsWith('whsec_')
    ? Buffer.from(secret.slice('whsec_'.length), 'base64')
    : Buffer.from(secret);
  return {
    async send({ id, payload }) {
      const seconds = String(Math.floor(nowMs() / 1_000));
      const signature = createHmac('sha256', key)
        .update(`${id}.${seconds}.${payload}`)
        .digest('base64');
      const status = await post(url, payload, {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': seconds,
        'webhook-signature': `v1,${signature}`,
      });
      if (status >= 200 && status < 300) return;
      throw new HostError('REMOTE_PROTOCOL', `The panel answered ${status}`, {
        remedy: 'Look at the panel’s own log; it must answer 2xx once it has stored the message',
        details: { status },
      });
    },
  };
}

async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  try {
    const signal = AbortSignal.timeout(LIMITS.panelMs);
    const reply = await fetch(url, { method: 'POST', body, headers, signal, redirect: 'manual' });
    await reply.body?.cancel();
    return reply.status;
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === 'TimeoutError';
    if (isLate) {
      throw new HostError('REMOTE_TIMED_OUT', `The panel did not answer in ${LIMITS.panelMs} ms`, {
        cause: error,
      });
    }
    throw new HostError('REMOTE_UNREACHABLE', 'The panel cannot be reached', {
      remedy: 'Check COFFERDAM_PANEL_URL and that the panel runs',
      cause: error,
    });
  }
}
