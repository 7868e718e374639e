// Results that say "the vendor still works on it": what is kept of them so that the host can ask again.

import * as z from 'zod';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { NewDelivery } from '../store/deliveries.ts';

const resultShape = z.object({
  status: z.literal('pending'),
  retryAfterMs: z.number().optional(),
  properties: z.record(z.string(), z.json()).optional(),
  oneTime: z.record(z.string(), z.json()).optional(),
});

/** A result that is not final. */
export type Pending = z.infer<typeof resultShape>;

/** What is kept of a pending operation between two questions. */
export const pendingShape = z.object({
  callId: z.string(),
  /** The handler that answered `pending` */
  operation: z.string(),
  key: z.string().nullable(),
  input: z.record(z.string(), z.json()),
  /** What later answers have shown once; that of the first answer went to the caller. */
  oneTime: z.record(z.string(), z.json()).optional(),
});

/** One of `pendingShape`. */
export type PendingOperation = z.infer<typeof pendingShape>;

type Input = PendingOperation['input'];

/** The pending result in a text, or undefined when it is final. */
export function readPending(resultText: string): Pending | undefined {
  // Parsing costs more than looking, and few results are pending.
  if (!resultText.includes('"pending"')) return undefined;
  return resultShape.safeParse(JSON.parse(resultText)).data;
}

/** Milliseconds until the vendor is asked, within the host's own bounds. */
export function waitOf({ retryAfterMs = LIMITS.reconcileMs }: Pending): number {
  // A store takes whole milliseconds only.
  return Math.ceil(Math.min(Math.max(retryAfterMs, LIMITS.deliveryPollMs), LIMITS.reconcileMsMax));
}

/** The id of the delivery that asks again about a call. */
export function pendingId(callId: string): string {
  return `rec_${callId}`;
}

/** The delivery that asks again about a pending operation. */
export function pendingDelivery(
  pending: Pending,
  call: {
    readonly callId: string;
    readonly instance: string;
    readonly handler: string;
    readonly inputText: string;
    readonly key: string | undefined;
    readonly subject: string | undefined;
    /** Nobody gets this answer */
    readonly isUnseen: boolean;
  },
  nowMs: number,
): NewDelivery {
  const { callId, instance, handler, subject = '', key = null } = call;
  const asked: unknown = JSON.parse(call.inputText);
  // A call without a service has nothing to be remembered; its extension is asked all the same.
  const input = z.record(z.string(), z.json()).safeParse(asked).data ?? {};
  const first = { callId, operation: handler, key, input };
  const seen = { ...pending, oneTime: {} };
  return {
    id: pendingId(callId),
    kind: 'reconcile',
    target: instance,
    subject,
    type: handler,
    dedupe: callId,
    payload: JSON.stringify(remember(first, call.isUnseen ? pending : seen)),
    dueMs: nowMs + waitOf(pending),
    createdMs: nowMs,
  };
}

/**
 * What is kept after a further answer that is not final.
 *
 * @throws {HostError} `EXTENSION_QUOTA_EXCEEDED` when the answers add up to more than a call may hold
 */
export function remember(known: PendingOperation, pending: Pending): PendingOperation {
  const next = withProperties(known, pending);
  const oneTime = { ...known.oneTime, ...pending.oneTime };
  const kept = Object.keys(oneTime).length === 0 ? next : { ...next, oneTime };
  if (JSON.stringify(kept).length <= LIMITS.pendingChars) return kept;
  throw new HostError(
    'EXTENSION_QUOTA_EXCEEDED',
    `The properties of pending "${known.operation}" are over ${LIMITS.pendingChars} characters`,
    { remedy: 'Return as properties only what the next question needs' },
  );
}

/** The operation with what the extension wants remembered of its service; null deletes a name. */
function withProperties(known: PendingOperation, { properties = {} }: Pending): PendingOperation {
  const { input } = known;
  const service = serviceOf(input);
  const merged = { ...recordOf(service['properties']), ...properties };
  const kept = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
  const next = { ...service, properties: kept };
  return { ...known, input: 'service' in input ? { ...input, service: next } : next };
}

/** What `reconcile` is asked. */
export function reconcileInput({ operation, input }: PendingOperation): object {
  return { operation, service: serviceOf(input) };
}

/** `changePassword` gets its service inside, every other handler as the input itself. */
function serviceOf(input: Input): Input {
  return 'service' in input ? recordOf(input['service']) : input;
}

function recordOf(value: unknown): Input {
  return z.record(z.string(), z.json()).safeParse(value).data ?? {};
}
