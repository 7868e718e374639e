// Calls that must not be forgotten when the process dies: while one runs, a delivery stands for it in the
// store. It is removed with the call's end; one that is still there belongs to a call that was cut off.

import { randomUUID } from 'node:crypto';

import { HostError, toErrorData } from '../errors.ts';
import type { DeliveryRow, DeliveryStore, NewDelivery } from '../store/deliveries.ts';
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
  readonly store: Pick<
    DeliveryStore,
    'addDeliveries' | 'delivery' | 'removeDelivery' | 'endDelivery'
  > &
    Pick<RecordingStore, 'effects' | 'removeEffects'>;
  readonly nowMs: () => number;
  /** What could not be written of a call that has its end: it is cleared away later */
  readonly onError: (error: unknown) => void;
};

/** Runs `work` with a delivery that stands for it. */
export async function guardCall<T>(
  powers: GuardPowers,
  instance: string,
  call: CutOff,
  work: () => Promise<T>,
): Promise<T> {
  const { store, nowMs } = powers;
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
  const guard = await addGuard(powers, row);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    const isHandedOver = guard !== undefined && (await isCutOff(store, call, error));
    await (isHandedOver ? handOver(powers, guard, error) : endGuard(powers, guard, callId));
    throw error;
  }
  await endGuard(powers, guard, callId);
  return result;
}

async function addGuard(
  { store, onError }: GuardPowers,
  row: NewDelivery,
): Promise<DeliveryRow | undefined> {
  try {
    const [guard] = await store.addDeliveries([row], 'running');
    return guard;
  } catch (error) {
    // It may be there all the same, and would be run as a call that was cut off.
    await store
      .delivery(row.id)
      .then((stray) => stray && store.removeDelivery(stray))
      .catch(onError);
    throw error;
  }
}

/** A call that has ended has ended, whether that can be written or not. */
async function endGuard(
  { store, nowMs, onError }: GuardPowers,
  guard: DeliveryRow | undefined,
  callId: string,
): Promise<void> {
  try {
    if (guard === undefined) return await store.removeEffects(callId);
    const { seq, attempt } = guard;
    const isEnded = await store.removeDelivery(guard).catch((error: unknown) => {
      onError(error);
      return store.endDelivery({ seq, attempt, nowMs: nowMs(), error: null, state: 'done' });
    });
    // Only now: whoever finds the guard must find what the call has done, or would do it again.
    await endJournal(store, { guard, callId, isEnded });
  } catch (error) {
    onError(error);
  }
}

/** Forgets what a call has done; not when its guard was taken over: whoever runs it now goes by that. */
export async function endJournal(
  store: Pick<GuardPowers['store'], 'delivery' | 'removeEffects'>,
  {
    guard,
    callId,
    isEnded,
  }: {
    readonly guard: Pick<DeliveryRow, 'id'>;
    readonly callId: string;
    /** Whether the guard was the caller's to end */
    readonly isEnded: boolean;
  },
): Promise<void> {
  if (isEnded || (await store.delivery(guard.id)) === undefined) await store.removeEffects(callId);
}

/**
 * Whether a failure is not the call's own end: the store failed under it, or its process died behind an
 * effect. What it has done must then not be forgotten, nor its failure be what repeats are given.
 */
export async function isCutOff(
  store: Pick<RecordingStore, 'effects'>,
  { callId, key }: Pick<CutOff, 'callId'> & { readonly key: string | null },
  error: unknown,
): Promise<boolean> {
  const code = error instanceof HostError ? error.code : undefined;
  if (code !== 'HOST_STORE_FAILED' && code !== 'EXTENSION_CRASHED') return false;
  if (code === 'HOST_STORE_FAILED' && key !== null) return true;
  return store.effects(callId).then(
    (effects) => effects.length > 0,
    // A store that cannot say it has failed under the call.
    () => true,
  );
}

/** Gives the call to whoever finishes those that were cut off. */
async function handOver(
  { store, nowMs, onError }: GuardPowers,
  { seq, attempt }: DeliveryRow,
  error: unknown,
): Promise<void> {
  const now = nowMs();
  const why = { error: JSON.stringify(toErrorData(error)), uncounted: true };
  const end = { seq, attempt, nowMs: now, state: 'waiting', dueMs: now, ...why } as const;
  // If not even this can be written, it is taken over when it has run for too long.
  await store.endDelivery(end).catch(onError);
}

/** What a delivery that stands for a call holds. */
export function readCutOff({ payload }: Pick<DeliveryRow, 'payload'>): CutOff {
  // Written above, and sealed since: nobody else can have made it.
  return JSON.parse(payload) as CutOff;
}
