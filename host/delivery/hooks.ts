// Webhooks of vendors: stored byte for byte before anything else, then given to the instance's handler,
// whose answer the vendor gets when it comes in time. What fails is tried again from the store.

import { isUtf8 } from 'node:buffer';

import type { WebhookReply, WebhookRequest } from '../../sdk/domain.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { HostError } from '../errors.ts';
import type { InstanceRef } from '../lifecycle/host.ts';
import { LIMITS } from '../limits.ts';
import type { Store } from '../store/store.ts';
import { runWebhook } from './execute.ts';
import type { ExecutePowers } from './execute.ts';
import { createDeliveryId } from './ids.ts';
import type { DeliveryQueue } from './queue.ts';
import { forgeryOf } from './retry.ts';
import { checkReply } from './hook-reply.ts';

/** A request as it came in. */
export type HookRequest = {
  readonly ref: InstanceRef;
  readonly method: string;
  /** Absolute, as the vendor called it */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
};

/** What receiving needs. */
export type HookPowers = Pick<ExecutePowers, 'calls'> & {
  readonly catalog: Catalog;
  readonly store: Pick<Store, 'instance' | 'sizeOpenDeliveries'>;
  readonly queue: Pick<DeliveryQueue, 'runNow' | 'add' | 'runningOf'>;
  readonly nowMs: () => number;
};

/** Stored, and to be answered with the handler's reply as soon as there is one. */
const ACCEPTED: WebhookReply = { status: 202 };

/**
 * Takes a webhook.
 *
 * @returns The handler's own reply, 200 without one, 401 when the handler says that it is forged, 202
 *   when it is stored and will be tried again
 * @throws {HostError} `CALLER_NOT_FOUND` when nobody there takes webhooks, `HOST_OVERLOADED` when too
 *   many of that instance wait
 */
export async function receiveHook(powers: HookPowers, hook: HookRequest): Promise<WebhookReply> {
  const target = await findTarget(powers, hook.ref);
  const { store, queue, nowMs } = powers;
  const waiting = await store.sizeOpenDeliveries(target, LIMITS.hooksWaiting);
  if (waiting.number >= LIMITS.hooksWaiting || waiting.bytes >= LIMITS.hooksWaitingBytes) {
    throw new HostError('HOST_OVERLOADED', 'Too many webhooks wait', {
      remedy: 'Send it again later',
      details: { retryAfterMs: LIMITS.deliveryPollMs * 60 },
    });
  }
  const id = createDeliveryId('dlv');
  const now = nowMs();
  const row = {
    id,
    kind: 'webhook',
    target,
    subject: '',
    type: 'webhook',
    dedupe: id,
    payload: JSON.stringify(requestOf(id, hook, now)),
    dueMs: now,
    createdMs: now,
  } as const;
  if (queue.runningOf(target) >= LIMITS.hooksRunning) {
    await queue.add([row]);
    return ACCEPTED;
  }
  const attempt = queue.runNow(row, (claimed) => runWebhook(powers, claimed));
  return inTime(attempt.then(({ outcome }) => checkReply(outcome.resultText), refusalOf));
}

/** Unknown, disabled and deaf instances look alike from outside. */
async function findTarget(
  { catalog, store }: HookPowers,
  { category, name, instance }: InstanceRef,
): Promise<string> {
  const entry = await catalog.find(category, name).catch((error: unknown) => {
    if (error instanceof HostError) return undefined;
    throw error;
  });
  const row = entry && (await store.instance({ ...entry, instance }));
  if (row?.enabled === true && row.grants?.webhook === true) {
    return `${row.category}/${row.name}/${row.instance}`;
  }
  throw new HostError('CALLER_NOT_FOUND', 'Nobody takes webhooks here');
}

function requestOf(
  id: string,
  { method, url, headers, body }: HookRequest,
  nowMs: number,
): WebhookRequest {
  const isText = isUtf8(body);
  return {
    id,
    method,
    url,
    headers,
    body: body.toString(isText ? 'utf8' : 'base64'),
    bodyEncoding: isText ? 'utf8' : 'base64',
    receivedAt: new Date(nowMs).toISOString(),
  };
}

/** The answer, or 202 when it takes longer than a vendor waits; the work goes on. */
async function inTime(answer: Promise<WebhookReply>): Promise<WebhookReply> {
  const { promise, resolve } = Promise.withResolvers<WebhookReply>();
  const timer = setTimeout(() => resolve(ACCEPTED), LIMITS.hookWaitMs);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a vendor is told of a failed attempt. Never why: it may be a stranger who asks. */
function refusalOf(error: unknown): WebhookReply {
  if (!(error instanceof HostError)) throw error;
  if (error.code === 'HOST_STORE_FAILED') throw error;
  const code = forgeryOf(error);
  if (code === 'unauthorized') return { status: 401 };
  if (code === 'invalid_input') return { status: 400 };
  return ACCEPTED;
}
