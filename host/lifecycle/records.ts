// Records of calls: what ran, for whom, how it ended. The last ones, in memory, bounded.

import { HostError } from '../errors.ts';
import type { ErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { CallRecord, Receipt } from './host.ts';
import { withoutOneTime } from './one-time.ts';

type Kept = {
  readonly callId: string;
  readonly instance: string;
  readonly handler: string;
  readonly actor: string;
  readonly startedMs: number;
  readonly inputText: string;
  readonly replayOf: string | undefined;
  state: CallRecord['state'];
  resultText: string | undefined;
  receipt: Receipt | undefined;
  error: ErrorData | undefined;
};

/** What a record starts with. */
export type CallStart = Pick<
  Kept,
  'callId' | 'instance' | 'handler' | 'actor' | 'startedMs' | 'inputText' | 'replayOf'
>;

/** The last `LIMITS.recentCalls` calls. */
export class CallRecords {
  readonly #byId = new Map<string, Kept>();

  start(start: CallStart): Kept {
    const kept: Kept = {
      ...start,
      inputText: bounded(start.inputText),
      state: 'running',
      resultText: undefined,
      receipt: undefined,
      error: undefined,
    };
    this.#byId.set(start.callId, kept);
    if (this.#byId.size > LIMITS.recentCalls) {
      for (const oldest of this.#byId.keys()) {
        this.#byId.delete(oldest);
        break;
      }
    }
    return kept;
  }

  done(kept: Kept, resultText: string, receipt: Receipt): void {
    kept.state = 'done';
    kept.resultText = bounded(resultText);
    kept.receipt = receipt;
  }

  failed(kept: Kept, error: ErrorData): void {
    kept.state = 'failed';
    kept.error = error;
  }

  /** Newest first; `after` is the id of the last one seen. */
  list(filter: { instance?: string; state?: string; after?: string; limit: number }): {
    calls: CallRecord[];
    next: string | null;
  } {
    const all = [...this.#byId.values()].toReversed();
    const from =
      filter.after === undefined ? 0 : all.findIndex((kept) => kept.callId === filter.after) + 1;
    const matching = all
      .slice(from)
      .filter(
        (kept) =>
          (filter.instance === undefined || kept.instance === filter.instance) &&
          (filter.state === undefined || kept.state === filter.state),
      );
    const page = matching.slice(0, filter.limit);
    const next = matching.length > page.length ? (page.at(-1)?.callId ?? null) : null;
    return { calls: page.map((kept) => summary(kept)), next };
  }

  /** One call with its input and result. @throws {HostError} `CALLER_NOT_FOUND` */
  get(callId: string): CallRecord {
    const kept = this.#find(callId);
    return {
      ...summary(kept),
      input: readText(kept.inputText),
      ...(kept.resultText === undefined
        ? {}
        : { result: withoutOneTime(readText(kept.resultText)) }),
    };
  }

  /** What a replay needs. @throws {HostError} `CALLER_NOT_FOUND`, `CALLER_UNSUPPORTED` */
  input(callId: string): { instance: string; handler: string; inputText: string } {
    const { instance, handler, inputText } = this.#find(callId);
    if (inputText === '') {
      throw new HostError(
        'CALLER_UNSUPPORTED',
        `Call "${callId}" cannot be replayed: its input is over ${LIMITS.recordedChars} characters`,
      );
    }
    return { instance, handler, inputText };
  }

  #find(callId: string): Kept {
    const kept = this.#byId.get(callId);
    if (kept !== undefined) return kept;
    throw new HostError('CALLER_NOT_FOUND', `Call "${callId}" not found`, {
      remedy: `The last ${LIMITS.recentCalls} calls are kept: list them with GET /api/v1/admin/calls`,
    });
  }
}

function summary(kept: Kept): CallRecord {
  const { callId, instance, handler, actor, state, error, receipt, replayOf } = kept;
  return {
    callId,
    instance,
    handler,
    actor,
    startedAt: new Date(kept.startedMs).toISOString(),
    state,
    ...(error === undefined ? {} : { error }),
    ...(receipt === undefined ? {} : { receipt }),
    ...(replayOf === undefined ? {} : { replayOf }),
  };
}

/** '' stands for a text that was too long to keep. */
function bounded(text: string): string {
  return text.length > LIMITS.recordedChars ? '' : text;
}

function readText(text: string): unknown {
  return text === '' ? `(over ${LIMITS.recordedChars} characters, not kept)` : JSON.parse(text);
}
