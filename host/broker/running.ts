// A call as it runs in an isolate: what it was asked, what it has used, whom to tell how it ended.

import type { CancelListener, Cancellation } from '../cancellation.ts';
import type { Usage } from '../capabilities/capability.ts';
import type { Deadline } from '../deadline.ts';
import type { HostError } from '../errors.ts';
import type { Receipt } from './receipt.ts';
import type { RequestingCall } from './requests.ts';
import type { CallTrace } from './trace.ts';

/** What a call needs to run. */
export type RunRequest = {
  readonly callId: string;
  readonly operationId: string;
  readonly attempt: number;
  readonly handler: string;
  /** JSON text, at most `LIMITS.inputBytes`. */
  readonly inputText: string;
  readonly deadline: Deadline;
  readonly dryRun: boolean;
  readonly cancellation: Cancellation;
  readonly webhookUrl?: string;
  readonly trace?: CallTrace;
};

/** How a call ended well. `text` is valid JSON. */
export type RunOutcome = { readonly text: string; readonly receipt: Receipt };

/** One call that runs; made for each, so it holds values only. It hears itself that it is cancelled. */
export class Running implements RequestingCall, CancelListener {
  readonly request: RunRequest;
  readonly instance: string;
  readonly startedMs: number;
  readonly queuedMs: number;
  readonly resolve: (outcome: RunOutcome) => void;
  readonly reject: (error: HostError) => void;
  readonly onCancel: () => void;
  requests = 0;
  #usage: Map<string, Usage> | undefined;

  constructor(
    instance: string,
    request: RunRequest,
    { startedMs, queuedMs }: { startedMs: number; queuedMs: number },
    { resolve, reject, onCancel }: Pick<Running, 'resolve' | 'reject' | 'onCancel'>,
  ) {
    this.instance = instance;
    this.request = request;
    this.startedMs = startedMs;
    this.queuedMs = queuedMs;
    this.resolve = resolve;
    this.reject = reject;
    this.onCancel = onCancel;
  }

  get trace(): CallTrace | undefined {
    return this.request.trace;
  }

  get usage(): Map<string, Usage> {
    return (this.#usage ??= new Map());
  }

  get usageByName(): Receipt['capabilities'] {
    return this.#usage === undefined ? NOTHING_USED : Object.fromEntries(this.#usage);
  }

  get scope(): RequestingCall['scope'] {
    const { callId, handler, operationId, deadline, dryRun } = this.request;
    return { instance: this.instance, callId, handler, operationId, deadline, dryRun };
  }
}

const NOTHING_USED = {};
