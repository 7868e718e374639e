// Events in, webhooks in, ticks, facts and messages out: what HTTP may ask of deliveries, and the workers
// behind it. Everything here is durable before it is acknowledged.

import { HostError } from '../errors.ts';
import type { ErrorData } from '../errors.ts';
import { factView } from '../ledger/facts.ts';
import type { FactView } from '../ledger/facts.ts';
import type { Scope } from '../scope.ts';
import type { WebhookReply } from '../../sdk/domain.ts';
import type { DeliveryKind, DeliveryRow, DeliveryState } from '../store/deliveries.ts';
import type { Store } from '../store/store.ts';
import { publishEvent } from './events.ts';
import type { EventPowers, PanelEvent, Published } from './events.ts';
import { receiveHook } from './hooks.ts';
import type { HookPowers, HookRequest } from './hooks.ts';
import type { DeliveryQueue } from './queue.ts';
import type { Resolution, Resumer } from './resume.ts';
import { startSchedules } from './schedules.ts';
import type { SchedulePowers } from './schedules.ts';

/** A delivery as an admin sees it; `payload` only when one is asked for. */
export type DeliveryView = {
  readonly id: string;
  readonly kind: DeliveryKind;
  readonly target: string;
  readonly subject: string;
  readonly type: string;
  readonly state: DeliveryState;
  readonly attempt: number;
  readonly createdAt: string;
  /** When it is tried next; null when it has ended. */
  readonly dueAt: string | null;
  readonly endedAt: string | null;
  readonly error: ErrorData | null;
  readonly payload?: unknown;
};

/** Which deliveries to list; `before` is the cursor of the page before. */
export type DeliveryFilter = {
  readonly state?: DeliveryState;
  readonly kind?: DeliveryKind;
  readonly target?: string;
  readonly scope?: Scope;
  readonly before?: number;
  readonly limit: number;
};

/** What HTTP may ask. */
export type Deliveries = {
  /** @param scope Instances outside of it get nothing of the event */
  publish(event: PanelEvent, scope: Scope): Promise<Published>;
  receive(hook: HookRequest): Promise<WebhookReply>;
  facts(filter: {
    readonly after: number;
    readonly limit: number;
    readonly instance?: string;
    readonly scope?: Scope;
  }): Promise<{ readonly facts: readonly FactView[]; readonly next: string }>;
  list(filter: DeliveryFilter): Promise<{
    readonly deliveries: readonly DeliveryView[];
    readonly next: number | null;
  }>;
  get(id: string): Promise<DeliveryView>;
  /** Runs an ended delivery again, with all its attempts before it. */
  replay(id: string): Promise<DeliveryView>;
  /** Says what became of a call that was cut off. */
  resolve(id: string, resolution: Resolution): Promise<void>;
  /** Starts the workers; to be called once instances are open, or their deliveries would find nobody. */
  start(): Promise<void>;
  /** Ends the workers; attempts under way may finish. */
  stop(): Promise<void>;
};

/** What deliveries are made of. */
export type DeliveryPowers = EventPowers &
  HookPowers &
  SchedulePowers & {
    readonly store: Store;
    readonly queue: DeliveryQueue;
    readonly resumer: Resumer;
  };

/** Makes them; nothing is worked on before `start`. */
export function createDeliveries(powers: DeliveryPowers): Deliveries {
  const { store, queue, nowMs } = powers;
  let schedules: ReturnType<typeof startSchedules> | undefined;
  const find = async (id: string): Promise<DeliveryRow> => {
    const row = await store.delivery(id);
    if (row !== undefined) return row;
    throw new HostError('CALLER_NOT_FOUND', `Delivery "${id}" not found`, {
      remedy: 'List them with GET /api/v1/admin/deliveries',
    });
  };
  return {
    async start() {
      // What ran when the last process died is run again at once, where nobody else can be running it.
      await store.releaseClaims();
      queue.start();
      store.listen(({ kind }) => {
        if (kind === 'deliveries' || kind === 'all') queue.wakeSoon();
      });
      schedules = startSchedules(powers);
    },
    publish: (event, scope) => publishEvent(powers, event, scope),
    receive: (hook) => receiveHook(powers, hook),
    async facts(filter) {
      const rows = await store.facts(filter);
      const facts = rows.map(factView);
      return { facts, next: facts.at(-1)?.cursor ?? String(filter.after) };
    },
    async list(filter) {
      const rows = await store.deliveries(filter);
      const next = rows.length < filter.limit ? null : (rows.at(-1)?.seq ?? null);
      return { deliveries: rows.map(viewOf), next };
    },
    async get(id) {
      const row = await find(id);
      return { ...viewOf(row), payload: JSON.parse(row.payload, withoutPasswords) as unknown };
    },
    async replay(id) {
      const { kind, state } = await find(id);
      if (kind === 'resume' && state === 'done') {
        throw new HostError('CALLER_CONFLICT', `The call of delivery "${id}" has ended`, {
          remedy: 'Send the call again, with a new key: it would have its effect a second time',
        });
      }
      if (!(await store.replayDelivery(id, nowMs()))) {
        throw new HostError('CALLER_CONFLICT', `Delivery "${id}" has not ended`, {
          remedy: 'It is tried again by itself; wait for its end',
        });
      }
      queue.wake();
      return viewOf(await find(id));
    },
    resolve: async (id, resolution) => {
      await powers.resumer.resolve(await find(id), resolution);
      queue.wake();
    },
    async stop() {
      schedules?.stop();
      await queue.stop();
    },
  };
}

/** A reviver: what is shown once is shown to whom it is for, and to nobody else. */
function withoutPasswords(name: string, value: unknown): unknown {
  return name === 'oneTime' ? undefined : value;
}

function viewOf(row: DeliveryRow): DeliveryView {
  const { id, kind, target, subject, type, state, attempt, error } = row;
  const isOver = state === 'done' || state === 'dead';
  return {
    ...{ id, kind, target, subject, type, state, attempt },
    createdAt: new Date(row.createdMs).toISOString(),
    dueAt: isOver ? null : new Date(row.dueMs).toISOString(),
    endedAt: row.endedMs === null ? null : new Date(row.endedMs).toISOString(),
    error: error === null ? null : (JSON.parse(error) as ErrorData),
  };
}
