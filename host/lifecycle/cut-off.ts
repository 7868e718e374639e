// Calls that must not be forgotten when the process dies: while one runs, a delivery stands for it in the
// store. It is removed with the call's end; one that is still there belongs to a call that was cut off.

import { randomUUID } from 'node:crypto';

import { LIMITS } from '../limits.ts';
import type { DeliveryRow, DeliveryStore } from '../store/deliveries.ts';
import type { RecordingStore } from '../store/recordings.ts';

/** What is needed to run a call that was cut off. */
export type CutOff = {
  readonly callId: string;
  readonly handler: string;
  readonly inputText: string;
  readonly key: string | null;
  readonly subject: string | null;
};

/** What guarding needs. */
export type GuardPowers = {
  readonly store: Pick<DeliveryStore, 'addDeliveries' | 'removeDelivery'> &
    Pick<RecordingStore, 'removeEffects'>;
  readonly nowMs: () => number;
};

/** Runs `work` with a delivery that stands for it. */
export async function guardCall<T>(
  { store, nowMs }: GuardPowers,
  instance: string,
  call: CutOff,
  work: () => Promise<T>,
): Promise<T> {
  const now = nowMs();
  const { callId, handler, subject } = call;
  const row = {
    id: `cut_${randomUUID().replaceAll('-', '')}`,
    kind: 'resume',
    target: instance,
    // It holds its place: later deliveries about the same thing wait until it has ended.
    subject: subject ?? '',
    type: handler,
    dedupe: callId,
    payload: JSON.stringify(call),
    dueMs: now,
    createdMs: now,
  } as const;
  const [guard] = await store.addDeliveries([row], now + LIMITS.deliveryLeaseMs);
  try {
    return await work();
  } finally {
    if (guard !== undefined) await store.removeDelivery(guard.seq);
    // Only now: whoever finds the guard must find what the call has done, or would do it again.
    await store.removeEffects(callId);
  }
}

/** What a delivery that stands for a call holds. */
export function readCutOff({ payload }: Pick<DeliveryRow, 'payload'>): CutOff {
  // Written above, and sealed since: nobody else can have made it.
  return JSON.parse(payload) as CutOff;
}
