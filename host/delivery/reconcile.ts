// Operations that an extension answered with `pending`: the host asks it how far the vendor is until it
// is done, has failed, or a day has passed; the outcome takes the place of the first answer.

import * as z from 'zod';

import { HostError } from '../errors.ts';
import type { Calls } from '../lifecycle/calls.ts';
import { replaceOutcome } from '../lifecycle/idempotency.ts';
import { readPending, reconcileInput, waitOf, withProperties } from '../lifecycle/pending.ts';
import { LIMITS } from '../limits.ts';
import type { DeliveryRow } from '../store/deliveries.ts';
import type { Store } from '../store/store.ts';
import type { TellFinished } from './finished.ts';
import type { Attempt } from './queue.ts';

/** Asks about pending operations. */
export type Reconciler = {
  run(row: DeliveryRow): Promise<Attempt>;
};

const payloadShape = z.object({
  callId: z.string(),
  operation: z.string(),
  key: z.string().nullable(),
  input: z.record(z.string(), z.json()),
});

/** What reconciling needs. */
export type ReconcilePowers = {
  readonly calls: Calls;
  readonly store: Store;
  readonly nowMs: () => number;
  readonly tellFinished: TellFinished;
};

/** Makes the reconciler. */
export function createReconciler({
  calls,
  store,
  nowMs,
  tellFinished,
}: ReconcilePowers): Reconciler {
  return {
    async run(row) {
      const known = payloadShape.parse(JSON.parse(row.payload));
      const asking = { ...row, payload: JSON.stringify(reconcileInput(known)) };
      const outcome = await calls.deliver(asking, () => 'reconcile');
      const pending = readPending(outcome.resultText);
      if (pending !== undefined) {
        if (nowMs() - row.createdMs > LIMITS.reconcileForMs) throw overdue(row);
        const input = withProperties(known.input, pending);
        const payload = JSON.stringify({ ...known, input });
        return { state: 'waiting', dueMs: nowMs() + waitOf(pending), payload };
      }
      const { key } = known;
      if (key !== null) await replaceOutcome(store, { instance: row.target, key, outcome });
      await tellFinished({ ...known, row, result: JSON.parse(outcome.resultText) as unknown });
      return { state: 'done' };
    },
  };
}

function overdue({ type, createdMs }: DeliveryRow): HostError {
  const since = new Date(createdMs).toISOString();
  const message = `"${type}" has been pending since ${since}`;
  const remedy = 'Look at the vendor’s own panel, then replay this delivery';
  const failure = { code: 'timeout', message, retriable: false, remedy };
  return new HostError('EXTENSION_FAILED', message, { remedy, details: { failure } });
}
