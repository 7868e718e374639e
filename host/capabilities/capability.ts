// What a capability is: one function in the host that serves one kind of guest request.
// The broker admits and counts; the capability checks its own payload and does the work.

import type { Cancellation } from '../cancellation.ts';
import type { Deadline } from '../deadline.ts';
import type { Store } from '../store/store.ts';

/** Counters of one call, by capability name; they end up in the call's receipt. */
export type Usage = { calls: number; bytesOut: number; bytesIn: number; denied: number };

/** The call on whose behalf a guest asks; handed to a capability with every request. */
export type CallScope = {
  /** `category/name/instance`: known from the pipe, never from the guest. */
  readonly instance: string;
  readonly callId: string;
  readonly handler: string;
  /** The same on every retry of one operation. */
  readonly operationId: string;
  /** 1, 2, … per capability request within the call. */
  readonly sequence: number;
  readonly deadline: Deadline;
  readonly dryRun: boolean;
  /** Tells when the guest gives the request up, and when its call has ended in any way. */
  readonly cancellation: Cancellation;
  readonly usage: Usage;
  /** What it writes through: refuses once the call's key is lost. Absent: it runs under no key. */
  readonly store?: Store;
};

/** What a capability answers: JSON, and a body that is streamed after it. */
export type CapabilityReply = {
  readonly value: unknown;
  /** Pulled with back-pressure: at most `LIMITS.streamWindowChunks` chunks ahead of the guest. */
  readonly body?: AsyncIterable<Uint8Array>;
};

/**
 * Serves one request of a guest.
 *
 * @param payload What the guest sent: unknown JSON, to be parsed here
 * @param scope The call it belongs to
 * @param upload The request's streamed body; read it only when the payload announces one
 * @throws {HostError} Reaches the guest as `{code, message, remedy}`; anything else as `HOST_INTERNAL`; see
 *   failures.ts
 */
export type Capability = (
  payload: unknown,
  scope: CallScope,
  upload: () => AsyncIterable<Uint8Array>,
) => Promise<CapabilityReply>;

/** The capabilities of one instance by name. */
export type CapabilityTable = { readonly [name: string]: Capability };
