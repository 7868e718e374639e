// What is to be delivered, as the store keeps it: events, webhooks, ticks, questions about pending
// operations, calls that were cut off, messages to the panel. Written before it is acknowledged; one row is one obligation.

import type { Scope } from '../scope.ts';

/** What a delivery is. */
export const DELIVERY_KINDS = [
  'event',
  'webhook',
  'schedule',
  'reconcile',
  'resume',
  'panel',
] as const;

/** One of `DELIVERY_KINDS`. */
export type DeliveryKind = (typeof DELIVERY_KINDS)[number];

/** Where a delivery is. `dead`: given up, kept to be looked at and replayed by hand. */
export const DELIVERY_STATES = ['waiting', 'running', 'done', 'dead'] as const;

/** One of `DELIVERY_STATES`. */
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** A delivery to be. */
export type NewDelivery = {
  readonly id: string;
  readonly kind: DeliveryKind;
  /** `category/name/instance`, or `panel` */
  readonly target: string;
  /** Deliveries of one target and subject run one after the other, in the order of their arrival; '': any order. */
  readonly subject: string;
  /** The event's type, the tick's name, the handler to reconcile. */
  readonly type: string;
  /** A second row with the same target, kind and dedupe is not added. */
  readonly dedupe: string;
  /** JSON text */
  readonly payload: string;
  readonly dueMs: number;
  readonly createdMs: number;
};

/** A delivery as it is kept. */
export type DeliveryRow = NewDelivery & {
  readonly seq: number;
  readonly state: DeliveryState;
  /** How often it was claimed; also tells the claim that may end it. */
  readonly attempt: number;
  /** When its last attempt ended, or, of one that waits, when that wait began if not with the row. */
  readonly endedMs: number | null;
  /** JSON text of the last failure's `ErrorData` */
  readonly error: string | null;
};

/** How one attempt ended. */
export type DeliveryEnd = {
  readonly seq: number;
  readonly attempt: number;
  readonly nowMs: number;
  readonly error: string | null;
} & (
  | { readonly state: 'done' | 'dead' }
  /** `attempt` counts on only when this one failed. */
  | {
      readonly state: 'waiting';
      readonly dueMs: number;
      /** What it carries from now on; `id` and `target` are those of the row. */
      readonly renewed?: Pick<NewDelivery, 'id' | 'target' | 'payload'>;
      readonly uncounted?: boolean;
    }
);

/** The deliveries of the store. */
export type DeliveryStore = {
  /**
   * Adds those that are not there yet, all or none, and returns the added ones.
   *
   * @param state `running`: they are claimed by the caller, attempt 1
   */
  addDeliveries(rows: readonly NewDelivery[], state?: 'running'): Promise<DeliveryRow[]>;
  /**
   * Takes what is due, oldest first, for the caller alone: at most `perTarget` of one target, and of one
   * (target, subject) only the oldest that has not ended.
   */
  claimDeliveries(claim: {
    readonly nowMs: number;
    readonly limit: number;
    readonly perTarget: number;
    /** Targets that are to get nothing now. */
    readonly except: readonly string[];
  }): Promise<DeliveryRow[]>;
  /** @returns false when the claim was lost meanwhile: somebody else runs it */
  endDelivery(end: DeliveryEnd): Promise<boolean>;
  /**
   * Gives up every claim, where there is only one host: at its start they are those of a dead one.
   * Where there are many, `freeLostClaims` tells.
   */
  releaseClaims(): Promise<void>;
  /**
   * Frees what other hosts run that are gone, and what anybody has run for too long, to be claimed at
   * once. Asked again and again: a host counts as gone when the caller found it so for
   * `LIMITS.hostGoneMs` on end, and a claim as too old when it was seen for `LIMITS.claimMs`.
   *
   * @param nowMs Of a clock that never goes back
   * @returns How many it has freed
   */
  freeLostClaims(nowMs: number): Promise<number>;
  /**
   * Begins waits anew that begin later than now: the clock was set back meanwhile. Each is then as long as it
   * was to be, from now on.
   */
  renewWaits(nowMs: number): Promise<void>;
  /**
   * Forgets one: a webhook that proved to be forged, a call that has ended.
   *
   * @returns false when it is gone, or was claimed again meanwhile: somebody else runs it
   */
  removeDelivery(row: Pick<DeliveryRow, 'seq' | 'attempt'>): Promise<boolean>;
  /** Newest first; `before` is the `seq` of the last one seen. */
  deliveries(filter: {
    readonly state?: DeliveryState;
    readonly target?: string;
    readonly scope?: Scope;
    readonly kind?: DeliveryKind;
    readonly type?: string;
    readonly before?: number;
    readonly limit: number;
  }): Promise<DeliveryRow[]>;
  delivery(id: string): Promise<DeliveryRow | undefined>;
  /** Makes an ended one wait again, with all its attempts before it. @returns false when it has not ended */
  replayDelivery(id: string, nowMs: number): Promise<boolean>;
  /** How many of a target have not ended, counted up to `most`, and the bytes that those carry. */
  sizeOpenDeliveries(
    target: string,
    most: number,
  ): Promise<{ readonly number: number; readonly bytes: number }>;
  /** Forgets the oldest dead ones of a target and kind that are over `keep`. @returns how many */
  trimDeadDeliveries(options: {
    readonly target: string;
    readonly kind: DeliveryKind;
    readonly keep: number;
  }): Promise<number>;
  /** How many there are in each state. */
  countDeliveries(): Promise<Record<DeliveryState, number>>;
  /** Forgets ended ones of before these times, at most `limit`. @returns how many */
  purgeDeliveries(options: {
    readonly doneBeforeMs: number;
    readonly deadBeforeMs: number;
    readonly limit: number;
  }): Promise<number>;
};
