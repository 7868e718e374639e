// What one call asked of the world, in order, and how it was answered; and, when it is run again, which of
// those answers are given instead of asking again. Pure data, no store.

import type { CapabilityReply } from '../capabilities/capability.ts';
import { headerName } from '../capabilities/fetch-request.ts';
import { HostError, toErrorData } from '../errors.ts';
import type { ErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Held } from '../store/store.ts';

/** How a request was answered. */
export type RecordedReply =
  | { readonly value: unknown }
  | { readonly error: ErrorData }
  /** Too long, or streamed: it cannot be given again. */
  | { readonly left: 'out' };

/** One capability request. A guest's stand-ins for secrets stand in it, never secrets. */
export type RecordedRequest = {
  readonly sequence: number;
  readonly capability: string;
  readonly payload: unknown;
  /** Absent: sent, and not answered when the recording ended */
  readonly reply?: RecordedReply;
  /** Epoch milliseconds of its answer, as the guest's clock had it */
  readonly atMs?: number;
};

/** What a call was run with beside its input: with the same it draws and reads the same again. */
export type Trace = {
  /** Epoch milliseconds of its start, and of where its `performance.now()` starts */
  readonly startedMs: number;
  readonly originMs: number;
  /** The key of its random numbers; absent: they are fresh each time */
  readonly seed?: string;
};

/**
 * What a call that runs again is given.
 *
 * `replay`: recorded answers and nothing else. `resume`: recorded answers as far as they go, then the
 * world; effects must be asked for in the recorded order, or nobody knows what has happened already.
 */
export type Script = {
  readonly mode: 'replay' | 'resume';
  readonly requests: readonly RecordedRequest[];
  readonly trace?: Trace | undefined;
};

/** What a recording starts with. */
export type RecordingSubject = {
  readonly callId: string;
  /** `category/name/instance` */
  readonly instance: string;
  /** Its effects are journalled before they leave. */
  readonly journalled: boolean;
  readonly trace?: Trace | undefined;
};

/** The recording of one call. */
export class Recording {
  readonly subject: RecordingSubject;
  readonly #script: Script | undefined;
  readonly #unused: RecordedRequest[];
  /** Requests that were not made as recorded; a replay reports them. */
  readonly strays: RecordedRequest[] = [];
  readonly #answeredMs = new Map<number, number>();
  /** Sequences of effects that were sent before, unanswered, and are sent again. */
  readonly #resent = new Set<number>();
  /** The store failed while it served this call. */
  storeFailure: HostError | undefined;
  /** The key that the call runs under, while it does. */
  held: Held | undefined;
  readonly #sent = new Set<Promise<unknown>>();
  #chars = 0;
  #kept: RecordedRequest[] = [];
  #unjournalled: RecordedRequest[] = [];

  constructor(subject: RecordingSubject, script?: Script) {
    this.subject = subject;
    this.#script = script;
    this.#unused = [...(script?.requests ?? [])];
  }

  /** What was asked so far, in order. */
  get requests(): readonly RecordedRequest[] {
    return this.#kept;
  }

  /** The host has found a webhook to be the vendor's: what fails after that does not speak against it. */
  get verifiedWebhook(): boolean {
    return this.#kept.some(({ capability, reply }) => {
      if (capability !== 'webhook' || reply === undefined || 'error' in reply) return false;
      // Only what a vendor told is too long to keep.
      if ('left' in reply) return true;
      return (Object(reply.value) as { valid?: unknown }).valid === true;
    });
  }

  /** Changes the text of what is kept: values that must be kept nowhere. */
  rewrite(change: (text: string) => string): void {
    const text = JSON.stringify(this.#kept);
    const changed = change(text);
    if (changed !== text) this.#kept = JSON.parse(changed) as RecordedRequest[];
  }

  /** Recorded requests that nobody has asked for again. */
  get unused(): readonly RecordedRequest[] {
    return this.#unused;
  }

  /** Epoch milliseconds of the answer to the n-th request, once it is there. */
  answeredMs(sequence: number): number | undefined {
    return this.#answeredMs.get(sequence);
  }

  /** Whether the journal has this effect already: its answer was missing when the call was cut off. */
  isResent({ sequence }: Pick<RecordedRequest, 'sequence'>): boolean {
    return this.#resent.has(sequence);
  }

  /** Sends an effect that is journalled. */
  async send<T>(effect: () => Promise<T>): Promise<T> {
    const sent = effect();
    this.#sent.add(sent);
    try {
      return await sent;
    } finally {
      this.#sent.delete(sent);
    }
  }

  /** Resolves once every effect that has left is answered. */
  async answered(): Promise<void> {
    await Promise.allSettled(this.#sent);
  }

  /** Remembers that it was the store, whatever the guest makes of it. */
  noteFailure(error: unknown): void {
    if (error instanceof HostError && error.code === 'HOST_STORE_FAILED') this.storeFailure = error;
  }

  /** What was answered since the last effect was journalled, and is to be journalled with the next one. */
  takeUnjournalled(): RecordedRequest[] {
    const taken = this.#unjournalled;
    this.#unjournalled = [];
    return taken;
  }

  /**
   * The recorded answer to a request, which counts as asked, or undefined: ask the world.
   *
   * @throws {HostError} What was recorded as a failure; `CALLER_UNSUPPORTED` where a replay would have to
   *   ask the world; `CALLER_NEEDS_RECONCILIATION` where a resumed call asks for another effect
   */
  take(request: Omit<RecordedRequest, 'reply'>): { readonly value: unknown } | undefined {
    if (this.#script === undefined) return undefined;
    const at = this.#unused.findIndex((each) => isSame(each, request));
    const found = this.#unused[at];
    if (found !== undefined) this.#unused.splice(at, 1);
    const isReplay = this.#script.mode === 'replay';
    if (!isReplay && isEffect(request)) this.#assertInOrder(request, found);
    if (found?.reply === undefined || 'left' in found.reply) {
      if (!isReplay) {
        if (isEffect(request) && found?.sequence === request.sequence) {
          this.#resent.add(request.sequence);
        }
        return undefined;
      }
      this.strays.push(request);
      throw new HostError('CALLER_UNSUPPORTED', 'A replay sends nothing that was not recorded', {
        remedy: 'Replay it for real with {"mode":"live"}',
      });
    }
    const { reply, atMs = 0 } = found;
    this.#keep({ ...request, atMs }, reply);
    if ('value' in reply) return reply;
    const { code, message, ...more } = reply.error;
    throw new HostError(code, message, more);
  }

  /** Keeps a request with its answer, within `LIMITS.recordingChars`. */
  add(
    request: Omit<RecordedRequest, 'reply'> & { readonly atMs: number },
    reply: RecordedReply,
  ): void {
    const isKept = this.#keep(request, reply);
    if (isKept && this.subject.journalled && isOfTheWorld(request, reply)) {
      this.#unjournalled.push({ ...request, reply });
    }
  }

  #keep(
    request: Omit<RecordedRequest, 'reply'> & { readonly atMs: number },
    reply: RecordedReply,
  ): boolean {
    const { sequence, capability, atMs } = request;
    this.#answeredMs.set(sequence, atMs);
    const chars = JSON.stringify({ request, reply }).length;
    const fits = chars <= LIMITS.recordedChars && this.#chars + chars <= LIMITS.recordingChars;
    this.#chars += fits ? chars : 0;
    if (fits) this.#kept.push({ ...request, reply });
    else if (this.#kept.length < LIMITS.recordedRequests) {
      this.#kept.push({ sequence, capability, payload: null, reply: { left: 'out' }, atMs });
    }
    return fits;
  }

  /** A resumed call may not go another way past an effect: it would happen beside the first one. */
  #assertInOrder(
    request: Omit<RecordedRequest, 'reply'>,
    found: RecordedRequest | undefined,
  ): void {
    const skipped = this.#unused.find(
      (each) => isEffect(each) && (found === undefined || each.sequence < found.sequence),
    );
    if (skipped === undefined) return;
    this.strays.push(request);
    throw needsReconciliation(
      this.subject.callId,
      'run again, it asks for other effects than before',
    );
  }
}

/** Why a call cannot be finished by the host alone. */
export function needsReconciliation(callId: string, why: string): HostError {
  return new HostError('CALLER_NEEDS_RECONCILIATION', `Call "${callId}" was cut off: ${why}`, {
    remedy:
      'Look at the vendor whether its effect is there, then resolve it: POST /api/v1/admin/deliveries/{id}/resolve',
    details: { callId },
  });
}

/** What became of a request, to be kept. */
export function replyOf(reply: CapabilityReply): RecordedReply {
  return reply.body === undefined ? { value: reply.value ?? null } : { left: 'out' };
}

/** A failed request, to be kept. */
export function failureReply(error: unknown): RecordedReply {
  return { error: toErrorData(error) };
}

/**
 * Whether a request that is no effect is worth to be journalled: keys of sealed secrets, and stand-ins of
 * what a vendor gave, are good in one isolate only, so that another one must ask for its own.
 */
function isOfTheWorld(request: Omit<RecordedRequest, 'reply'>, reply: RecordedReply): boolean {
  const { capability } = request;
  if (isEffect(request) || 'left' in reply) return false;
  if (capability !== 'fetch' && capability !== 'storage') return false;
  return !JSON.stringify(reply).includes('sealed:');
}

/** Whether a request may change something at a vendor. */
export function isEffect({ capability, payload }: Omit<RecordedRequest, 'reply'>): boolean {
  if (capability !== 'fetch') return false;
  const { method } = fetchOf(payload);
  return method !== 'GET' && method !== 'HEAD';
}

/** Whether an effect may be sent again when nobody knows whether it arrived: HTTP or the vendor makes sure. */
export function isRepeatable({ payload }: Pick<RecordedRequest, 'payload'>): boolean {
  const { method } = fetchOf(payload);
  return method === 'PUT' || method === 'DELETE' || hasKey(payload);
}

/** Whether a request has a key by which its vendor knows a repeat. */
function hasKey(payload: unknown): boolean {
  const { headers } = fetchOf(payload);
  const { once } = Object(payload) as { once?: unknown };
  return headers.some((name) => ONCE.has(name) || name === once);
}

/**
 * Whether the answer to an effect that was sent again tells what became of the first one: it is done, or the
 * vendor refuses what is asked. Without a key a refusal can be of what the first one has changed; and who
 * is not let in, comes too often or meets a failure has not got as far as the first one may have.
 */
export function tellsOfFirst(
  { payload }: Pick<RecordedRequest, 'payload'>,
  reply: RecordedReply,
): boolean {
  const { status } = Object('value' in reply ? reply.value : undefined) as { status?: unknown };
  if (typeof status !== 'number') return false;
  return (status >= 200 && status < 300) || (REFUSALS.has(status) && hasKey(payload));
}

/** Statuses by which a vendor judges what a request asks for, which a repeat asks for as well. */
const REFUSALS: ReadonlySet<number> = new Set([400, 402, 422]);

/** Headers by which vendors know a repeat: the IETF draft's, PayPal's, Stripe's and Mollie's are among them. */
const ONCE: ReadonlySet<string> = new Set(['idempotency-key', 'paypal-request-id']);

function fetchOf(payload: unknown): { readonly method: string; readonly headers: string[] } {
  const { method, headers } = Object(payload) as { method?: unknown; headers?: unknown };
  return {
    method: typeof method === 'string' ? method.toUpperCase() : 'GET',
    headers: Array.isArray(headers) ? headers.map(headerName) : [],
  };
}

function isSame(a: Omit<RecordedRequest, 'reply'>, b: Omit<RecordedRequest, 'reply'>): boolean {
  return a.capability === b.capability && JSON.stringify(a.payload) === JSON.stringify(b.payload);
}
