// Operations that an extension answered with `pending`: the host asks it how far the vendor is until it
// is done, has failed, or a day has passed; the outcome takes the place of the first answer.

import { HostError } from '../errors.ts';
import type { Calls } from '../lifecycle/calls.ts';
import { withOneTime } from '../lifecycle/one-time.ts';
import {
  pendingShape,
  readPending,
  reconcileInput,
  remember,
  waitOf,
} from '../lifecycle/pending.ts';
import { LIMITS } from '../limits.ts';
import type { DeliveryRow } from '../store/deliveries.ts';
import type { FinishOperation } from './finished.ts';
import type { Attempt } from './queue.ts';

/** Asks about pending operations. */
export type Reconciler = {
  run(row: DeliveryRow): Promise<Attempt>;
};

/** What reconciling needs. */
export type ReconcilePowers = {
  readonly calls: Calls;
  readonly nowMs: () => number;
  readonly finish: FinishOperation;
};

/** Makes the reconciler. */
export function createReconciler({ calls, nowMs, finish }: ReconcilePowers): Reconciler {
  return {
    async run(row) {
      const known = pendingShape.parse(JSON.parse(row.payload));
      const asking = { ...row, payload: JSON.stringify(reconcileInput(known)) };
      const outcome = await calls.deliver(asking, () => 'reconcile');
      const pending = readPending(outcome.resultText);
      if (pending !== undefined) {
        if (nowMs() - row.createdMs > LIMITS.reconcileForMs) throw overdue(row);
        const payload = JSON.stringify(remember(known, pending));
        return { state: 'waiting', dueMs: nowMs() + waitOf(pending), payload };
      }
      const resultText = withOneTime(outcome.resultText, known.oneTime);
      const operation = { row, callId: known.callId, handler: known.operation, key: known.key };
      await finish(operation, { outcome: { ...outcome, resultText } });
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
