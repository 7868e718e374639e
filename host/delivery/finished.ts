// Tells the panel how an operation ended that it was not told about in the reply to its call.

import type { ErrorData } from '../errors.ts';
import { withoutOneTime } from '../lifecycle/one-time.ts';
import type { DeliveryRow, DeliveryStore } from '../store/deliveries.ts';
import { panelDelivery } from './panel.ts';

/** Adds the message; does nothing where no panel is set. */
export type TellFinished = (end: {
  /** The delivery that finished it */
  readonly row: Pick<DeliveryRow, 'id' | 'target' | 'subject'>;
  readonly callId: string;
  readonly operation: string;
  readonly key: string | null;
  readonly result?: unknown;
  readonly error?: ErrorData;
}) => Promise<void>;

/** Makes it. */
export function createTellFinished(
  store: DeliveryStore,
  { nowMs, hasPanel }: { readonly nowMs: () => number; readonly hasPanel: boolean },
): TellFinished {
  return async ({ row, callId, operation, key, result, error }) => {
    if (!hasPanel) return;
    const data = {
      callId,
      operationId: key ?? callId,
      instance: row.target,
      operation,
      ...(error === undefined ? { result: withoutOneTime(result) } : { error }),
    };
    const about = { id: `${row.id}.end`, subject: row.subject, nowMs: nowMs() };
    await store.addDeliveries([panelDelivery({ type: 'operation.finished', data }, about)]);
  };
}
