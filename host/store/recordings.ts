// What the store keeps of calls: how each ended, and, sealed, what went in, out and to the world; and the
// journal of effects, which is written before they leave.

import type { Scope } from '../scope.ts';

/** A call as it is kept. */
export type CallRow = {
  readonly callId: string;
  /** `category/name/instance` */
  readonly instance: string;
  readonly handler: string;
  readonly actor: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly startedMs: number;
  readonly replayOf: string | null;
  /** JSON text of the `Receipt` */
  readonly receipt: string | null;
  /** JSON text of the `ErrorData` */
  readonly error: string | null;
  /** Input, result and requests, sealed by the vault; null when they were too long to keep. */
  readonly sealed: string | null;
};

/** An effect of a call that has not ended: a request that may have changed something at a vendor. */
export type EffectRow = {
  readonly callId: string;
  /** `category/name/instance` */
  readonly instance: string;
  /** Its number among the call's capability requests. */
  readonly sequence: number;
  /** Capability and payload, sealed. */
  readonly request: string;
  /** The answer, sealed; null: it was sent, and nobody knows what became of it. */
  readonly reply: string | null;
};

/** Recordings and the journal. */
export type RecordingStore = {
  /** Puts rows, all in one commit. */
  putCalls(rows: readonly CallRow[]): Promise<void>;
  /** Newest first, without what is sealed; `before` is the place of the last one seen. */
  calls(filter: {
    readonly instance?: string;
    readonly scope?: Scope;
    readonly state?: CallRow['state'];
    readonly before?: Pick<CallRow, 'startedMs' | 'callId'>;
    readonly limit: number;
  }): Promise<Omit<CallRow, 'sealed'>[]>;
  call(callId: string): Promise<CallRow | undefined>;
  /** Forgets calls of before a time, and the oldest over `keep`; at most `limit`. @returns how many */
  purgeCalls(options: {
    readonly beforeMs: number;
    readonly keep: number;
    readonly limit: number;
  }): Promise<number>;
  /** On disk when it resolves: the effect may leave then. */
  putEffect(row: EffectRow): Promise<void>;
  endEffect(row: Pick<EffectRow, 'callId' | 'sequence' | 'reply'>): Promise<void>;
  /** In the order of their sequence. */
  effects(callId: string): Promise<EffectRow[]>;
  removeEffects(callId: string): Promise<void>;
  /**
   * Forgets effects of calls that nothing stands for any more: their host died between the end of the
   * guard and that of its journal. At most `limit`. @returns how many
   */
  purgeEffects(limit: number): Promise<number>;
};
