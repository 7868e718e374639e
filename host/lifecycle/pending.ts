// Results that say "the vendor still works on it": what is kept of them so that the host can ask again.

import * as z from 'zod';

import { LIMITS } from '../limits.ts';
import type { NewDelivery } from '../store/deliveries.ts';

const pendingShape = z.object({
  status: z.literal('pending'),
  retryAfterMs: z.number().optional(),
  properties: z.record(z.string(), z.json()).optional(),
});

/** A result that is not final. */
export type Pending = z.infer<typeof pendingShape>;

type Input = Readonly<Record<string, unknown>>;

/** The pending result in a text, or undefined when it is final. */
export function readPending(resultText: string): Pending | undefined {
  // Parsing costs more than looking, and few results are pending.
  if (!resultText.includes('"pending"')) return undefined;
  return pendingShape.safeParse(JSON.parse(resultText)).data;
}

/** Milliseconds until the vendor is asked, within the host's own bounds. */
export function waitOf({ retryAfterMs = LIMITS.reconcileMs }: Pending): number {
  // A store takes whole milliseconds only.
  return Math.ceil(Math.min(Math.max(retryAfterMs, LIMITS.deliveryPollMs), LIMITS.reconcileMsMax));
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
  },
  nowMs: number,
): NewDelivery {
  const { callId, instance, handler, subject = '', key = null } = call;
  const input = withProperties(JSON.parse(call.inputText) as Input, pending);
  return {
    id: `rec_${callId}`,
    kind: 'reconcile',
    target: instance,
    subject,
    type: handler,
    dedupe: callId,
    payload: JSON.stringify({ callId, operation: handler, key, input }),
    dueMs: nowMs + waitOf(pending),
    createdMs: nowMs,
  };
}

/** The service of the input with what the extension wants remembered; null deletes a name. */
export function withProperties(input: Input, { properties = {} }: Pending): Input {
  const service = serviceOf(input);
  const merged = { ...(service['properties'] as Input | undefined), ...properties };
  const kept = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
  const next = { ...service, properties: kept };
  return 'service' in input ? { ...input, service: next } : next;
}

/** What `reconcile` is asked. */
export function reconcileInput({
  operation,
  input,
}: {
  readonly operation: string;
  readonly input: Input;
}): object {
  return { operation, service: serviceOf(input) };
}

/** `changePassword` gets its service inside, every other handler as the input itself. */
function serviceOf(input: Input): Input {
  const { service } = input;
  return typeof service === 'object' && service !== null ? { ...service } : input;
}
