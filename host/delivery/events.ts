// Events of the panel: one durable delivery for each instance that was granted the type.

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { isInScope } from '../scope.ts';
import type { Scope } from '../scope.ts';
import type { DeliveryStore, NewDelivery } from '../store/deliveries.ts';
import { matchesEvent } from './execute.ts';
import { createDeliveryId } from './ids.ts';
import type { DeliveryQueue } from './queue.ts';
import { targetOf } from './subscriptions.ts';
import type { Subscriptions } from './subscriptions.ts';

/** Something that happened in the panel. */
export type PanelEvent = {
  /** The panel's own id; a repeat with the same id reaches nobody twice. */
  readonly id?: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Events of one subject reach an instance in the order they were sent. */
  readonly subject?: string;
};

/** What became of an event. */
export type Published = {
  readonly id: string;
  /** Deliveries that were added. */
  readonly deliveries: number;
  /** Instances whose queue is full: they get nothing of it unless it is sent again. */
  readonly refused: readonly string[];
};

/** What publishing needs. */
export type EventPowers = {
  readonly store: DeliveryStore;
  readonly queue: Pick<DeliveryQueue, 'add'>;
  readonly subscriptions: Subscriptions;
  readonly nowMs: () => number;
};

/**
 * Publishes an event: durable when the promise resolves.
 *
 * @throws {HostError} `CALLER_BODY_TOO_LARGE`, `HOST_OVERLOADED` when every instance's queue is full
 */
export async function publishEvent(
  powers: EventPowers,
  event: PanelEvent,
  scope: Scope,
): Promise<Published> {
  const { store, queue, subscriptions, nowMs } = powers;
  const { type, data, subject = '' } = event;
  const id = event.id ?? createDeliveryId('evt');
  const now = nowMs();
  const payload = JSON.stringify({ id, type, at: new Date(now).toISOString(), data });
  if (Buffer.byteLength(payload) > LIMITS.eventBytes) {
    throw new HostError('CALLER_BODY_TOO_LARGE', `"data" is over ${LIMITS.eventBytes} bytes`, {
      remedy: 'Send ids, and let extensions be called with the rest',
      details: { field: 'data', limit: LIMITS.eventBytes },
    });
  }
  const wanting = (await subscriptions.enabled()).filter(
    (row) =>
      isInScope(scope, targetOf(row)) &&
      (row.grants?.events ?? []).some((pattern) => matchesEvent(pattern, type)),
  );
  const rows: NewDelivery[] = [];
  const refused: string[] = [];
  for (const target of wanting.map(targetOf)) {
    const { number, bytes } = await store.sizeOpenDeliveries(target, LIMITS.deliveriesWaiting);
    const isFull = bytes >= LIMITS.deliveriesWaitingBytes;
    if (isFull || number >= LIMITS.deliveriesWaiting) refused.push(target);
    else {
      const about = { kind: 'event', target, subject, type, dedupe: id, payload } as const;
      rows.push({ id: createDeliveryId('dlv'), ...about, dueMs: now, createdMs: now });
    }
  }
  if (rows.length === 0 && refused.length > 0) {
    throw new HostError('HOST_OVERLOADED', 'The queues of all instances for it are full', {
      remedy: 'Look at GET /api/v1/admin/deliveries for what blocks them, then send it again',
      details: { refused },
    });
  }
  const added = await queue.add(rows);
  return { id, deliveries: added.length, refused };
}
