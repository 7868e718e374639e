// The message to the panel about a changed entry of the ledger. Pure.

import { factView } from '../ledger/facts.ts';
import type { NewDelivery } from '../store/deliveries.ts';
import type { FactRow } from '../store/facts.ts';
import { panelDelivery } from './panel.ts';

/** `payment.succeeded` and the entry; those about one payment arrive in order. */
export function factMessage(row: FactRow, nowMs: number): NewDelivery {
  const { instance, externalId, kind, state, seq } = row;
  return panelDelivery(
    { type: `${kind}.${state}`, data: factView(row) },
    { id: `msg_fact_${seq}`, subject: `${instance} ${externalId}`, nowMs },
  );
}
