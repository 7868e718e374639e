// The end of an operation that did not end within its call: repeats of it get the outcome from now on, and
// the panel is told.

import { toErrorData } from '../errors.ts';
import type { HostError } from '../errors.ts';
import type { CallOutcome } from '../lifecycle/host.ts';
import { replaceFailure, replaceOutcome } from '../lifecycle/idempotency.ts';
import type { DeliveryRow } from '../store/deliveries.ts';
import type { Store } from '../store/store.ts';
import type { Vault } from '../store/vault.ts';
import { panelDelivery } from './panel.ts';

/** How an operation ended. */
export type OperationEnd = { readonly outcome: CallOutcome } | { readonly error: HostError };

/** Writes an end down and tells it; done again it changes nothing. */
export type FinishOperation = (
  operation: {
    /** The delivery that finished it */
    readonly row: Pick<DeliveryRow, 'id' | 'target' | 'subject'>;
    readonly callId: string;
    readonly handler: string;
    readonly key: string | null;
  },
  end: OperationEnd,
) => Promise<void>;

/**
 * Makes it. What is shown once, a password, goes with the message to the panel, which is sealed until it
 * was taken and then forgotten; without a panel it waits, sealed, for the first repeat of the call.
 */
export function createFinishOperation({
  store,
  vault,
  nowMs,
  hasPanel,
}: {
  readonly store: Store;
  readonly vault: Vault;
  readonly nowMs: () => number;
  readonly hasPanel: boolean;
}): FinishOperation {
  return async ({ row, callId, handler, key }, end) => {
    const { target: instance, subject } = row;
    const isDone = 'outcome' in end;
    const error = isDone ? undefined : toErrorData(end.error);
    if (hasPanel) {
      const about = { callId, operationId: key ?? callId, instance, operation: handler };
      const data = isDone
        ? { ...about, result: JSON.parse(end.outcome.resultText) as unknown }
        : { ...about, error };
      const message = { type: 'operation.finished', data };
      const when = { id: `${row.id}.end`, subject, nowMs: nowMs() };
      await store.addDeliveries([panelDelivery(message, when)]);
    }
    if (key === null) return;
    if (error !== undefined) await replaceFailure(store, { instance, key, error });
    else if (isDone) {
      const keep = hasPanel ? undefined : vault;
      await replaceOutcome(store, { instance, key, outcome: end.outcome }, keep);
    }
  };
}
