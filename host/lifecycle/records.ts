// Records of calls: what ran, for whom, how it ended, what it asked of the world. The running and the last
// ones are in memory; they reach the store a moment after they end, sealed.

import { HostError } from '../errors.ts';
import type { ErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { WindowCount } from '../window-count.ts';
import type { Recorder, RecordedBody } from '../recorder/recorder.ts';
import type { Recording, RecordedRequest, Script, Trace } from '../recorder/recording.ts';
import { isInScope } from '../scope.ts';
import type { Scope } from '../scope.ts';
import type { CallRow, RecordingStore } from '../store/recordings.ts';
import type { Receipt } from '../broker/receipt.ts';
import type { CallRecord } from './host.ts';
import { blankOneTime, textWithoutOneTime, withoutOneTime } from './one-time.ts';

/** What a record starts with. */
export type CallStart = {
  readonly callId: string;
  readonly instance: string;
  readonly handler: string;
  readonly actor: string;
  readonly startedMs: number;
  readonly operationId: string;
  readonly inputText: string;
  readonly replayOf: string | undefined;
  /** Its effects are written down before they leave. */
  readonly journalled: boolean;
  readonly trace: Trace | undefined;
};

/** A call that runs or ran. */
export type Kept = CallStart & {
  readonly recording: Recording;
  state: CallRecord['state'];
  resultText: string | undefined;
  receipt: Receipt | undefined;
  error: ErrorData | undefined;
};

/** What a replay needs of a call. */
export type Replayable = {
  readonly instance: string;
  readonly handler: string;
  /** Keys follow from it: with another one the code would ask for something else. */
  readonly operationId: string | undefined;
  readonly inputText: string;
  readonly startedMs: number;
  readonly resultText: string | null;
  readonly error: ErrorData | undefined;
  readonly requests: readonly RecordedRequest[];
};

/** What records need. */
export type RecordPowers = {
  readonly store: RecordingStore;
  readonly recorder: Recorder;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
};

/** The calls of this host, and those that the store remembers. */
export class CallRecords {
  readonly #powers: RecordPowers;
  readonly #byId = new Map<string, Kept>();
  /** Of what each instance has put into the store: one that floods it costs the others nothing. */
  readonly #bytesToday: WindowCount;
  #waiting: Kept[] = [];
  #plain = 0;
  #purgedMs = 0;
  #flushing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(powers: RecordPowers) {
    this.#powers = powers;
    this.#bytesToday = new WindowCount(powers.nowMs, LIMITS.dayMs);
  }

  start(start: CallStart, script?: Script): Kept {
    const kept: Kept = {
      ...start,
      inputText: bounded(start.inputText),
      recording: this.#powers.recorder.open(start, script),
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

  /** Resolves once what had an effect is on disk; the rest gets there a moment later. */
  done(kept: Kept, resultText: string, receipt: Receipt): Promise<void> | undefined {
    kept.state = 'done';
    kept.resultText = bounded(resultText);
    if (resultText.includes('"oneTime"')) {
      kept.recording.rewrite((text) => blankOneTime(text, resultText));
    }
    kept.receipt = receipt;
    return this.#end(kept);
  }

  failed(kept: Kept, error: ErrorData): Promise<void> | undefined {
    kept.state = 'failed';
    kept.error = error;
    return this.#end(kept);
  }

  /** Newest first; `after` is the id of the last one seen. */
  async list(filter: {
    instance?: string;
    scope?: Scope;
    state?: string;
    after?: string;
    limit: number;
  }): Promise<{ calls: CallRecord[]; next: string | null }> {
    const { instance, scope = null, after, limit } = filter;
    const state = filter.state as CallRecord['state'] | undefined;
    const before = after === undefined ? undefined : await this.#place(after);
    const matching = [...this.#byId.values()].filter(
      (kept) =>
        (instance === undefined || kept.instance === instance) &&
        isInScope(scope, kept.instance) &&
        (state === undefined || kept.state === state) &&
        (before === undefined || isOlder(kept, before)),
    );
    const stored = await this.#powers.store.calls({
      limit: limit + 1,
      scope,
      ...(instance === undefined ? {} : { instance }),
      ...(state === undefined ? {} : { state }),
      ...(before === undefined ? {} : { before }),
    });
    const known = new Set(matching.map(({ callId }) => callId));
    const all = [
      ...matching.map((kept) => ({ place: kept, record: summary(kept) })),
      ...stored
        // A row may be older than what memory knows of the same call.
        .filter(({ callId }) => !known.has(callId) && !this.#byId.has(callId))
        .map((row) => ({ place: row, record: rowSummary(row) })),
    ].toSorted((a, b) => (isOlder(a.place, b.place) ? 1 : -1));
    const page = all.slice(0, limit).map(({ record }) => record);
    const next = all.length > page.length ? (page.at(-1)?.callId ?? null) : null;
    return { calls: page, next };
  }

  /** One call with its input, result and requests. @throws {HostError} `CALLER_NOT_FOUND` */
  async get(callId: string): Promise<CallRecord> {
    const kept = this.#byId.get(callId);
    if (kept !== undefined) {
      const { inputText, resultText = null, recording } = kept;
      return {
        ...summary(kept),
        ...bodyOf({ inputText, resultText, requests: recording.requests }),
      };
    }
    const row = await this.#row(callId);
    const body = this.#powers.recorder.openBody(row);
    return { ...rowSummary(row), ...(body === undefined ? {} : bodyOf(body)) };
  }

  /** What a replay needs. @throws {HostError} `CALLER_NOT_FOUND`, `CALLER_UNSUPPORTED` */
  async replayable(callId: string): Promise<Replayable> {
    const kept = this.#byId.get(callId);
    const known = kept ?? (await this.#stored(callId));
    const { instance, handler, operationId, startedMs } = known;
    const { inputText, resultText = null, error } = known;
    if (inputText === '') {
      throw new HostError(
        'CALLER_UNSUPPORTED',
        `Call "${callId}" cannot be replayed: its input was not kept`,
        {
          remedy: `Kept are inputs of at most ${LIMITS.recordedChars} characters, and ${LIMITS.recordedBytesPerDay} bytes of an instance's recordings in a day`,
        },
      );
    }
    const requests = 'recording' in known ? known.recording.requests : known.requests;
    const about = { instance, handler, operationId, startedMs };
    return { ...about, inputText, resultText, error, requests };
  }

  /** Writes down what has ended. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#plain = 0;
    this.#flushing = this.#flushing.then(() => this.#write(batch));
    await this.#flushing;
  }

  async #write(batch: readonly Kept[]): Promise<void> {
    const { store, onError } = this.#powers;
    if (batch.length === 0) return;
    try {
      await this.#purge();
      await store.putCalls(batch.map((kept) => this.#seal(kept)));
    } catch (error) {
      // The calls themselves have ended well: what is lost is the memory of them.
      onError(error);
    }
  }

  async #purge(): Promise<void> {
    const now = this.#powers.nowMs();
    if (now - this.#purgedMs < LIMITS.purgeEveryMs) return;
    this.#purgedMs = now;
    await this.#powers.store.purgeCalls({
      beforeMs: now - LIMITS.recordingKeptMs,
      keep: LIMITS.recordingsKept,
      limit: LIMITS.deliveriesPurged,
    });
  }

  /** Calls that asked nothing of the world are many and alike: in a rush only some are kept for good. */
  #end(kept: Kept): Promise<void> | undefined {
    this.#powers.recorder.close(kept.callId);
    const isPlain = kept.state === 'done' && kept.recording.requests.length === 0;
    if (isPlain && (this.#plain += 1) > LIMITS.plainRecordsPerFlush) return undefined;
    if (this.#waiting.length >= LIMITS.recordsWaiting) return undefined;
    this.#waiting.push(kept);
    if (kept.journalled && !isPlain) return this.flush();
    this.#timer ??= setTimeout(() => void this.flush(), LIMITS.recordFlushMs).unref();
    return undefined;
  }

  #seal(kept: Kept): CallRow {
    const { callId, instance, handler, actor, state, startedMs, replayOf = null } = kept;
    const { operationId, inputText, resultText, receipt, error, recording } = kept;
    const row = {
      ...{ callId, instance, handler, actor, state, startedMs, replayOf },
      receipt: receipt === undefined ? null : JSON.stringify(receipt),
      error: error === undefined ? null : JSON.stringify(error),
    };
    const sealed = this.#powers.recorder.seal(row, {
      operationId,
      inputText,
      resultText: resultText === undefined ? null : textWithoutOneTime(resultText),
      requests: recording.requests,
    });
    const { count } = this.#bytesToday.add(instance, sealed.sealed?.length ?? 0);
    return count > LIMITS.recordedBytesPerDay ? { ...row, sealed: null } : sealed;
  }

  async #place(callId: string): Promise<Pick<CallRow, 'startedMs' | 'callId'>> {
    return this.#byId.get(callId) ?? (await this.#row(callId));
  }

  async #stored(callId: string): Promise<Replayable> {
    const row = await this.#row(callId);
    const { instance, handler, startedMs, error } = row;
    const body = this.#powers.recorder.openBody(row);
    return {
      instance,
      handler,
      startedMs,
      operationId: body?.operationId,
      inputText: body?.inputText ?? '',
      resultText: body?.resultText ?? null,
      error: error === null ? undefined : (JSON.parse(error) as ErrorData),
      requests: body?.requests ?? [],
    };
  }

  async #row(callId: string): Promise<CallRow> {
    const row = await this.#powers.store.call(callId);
    if (row !== undefined) return row;
    throw new HostError('CALLER_NOT_FOUND', `Call "${callId}" not found`, {
      remedy: 'List those that are kept with GET /api/v1/admin/calls',
    });
  }
}

type Place = { readonly startedMs: number; readonly callId: string };

function isOlder(a: Place, b: Place): boolean {
  return a.startedMs === b.startedMs ? a.callId < b.callId : a.startedMs < b.startedMs;
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

function rowSummary(row: Omit<CallRow, 'sealed'>): CallRecord {
  const { callId, instance, handler, actor, state, startedMs, error, receipt, replayOf } = row;
  return {
    ...{ callId, instance, handler, actor, state },
    startedAt: new Date(startedMs).toISOString(),
    ...(error === null ? {} : { error: JSON.parse(error) as ErrorData }),
    ...(receipt === null ? {} : { receipt: JSON.parse(receipt) as Receipt }),
    ...(replayOf === null ? {} : { replayOf }),
  };
}

function bodyOf({ inputText, resultText, requests }: RecordedBody): Partial<CallRecord> {
  return {
    input: readText(inputText),
    ...(resultText === null ? {} : { result: withoutOneTime(readText(resultText)) }),
    requests,
  };
}

/** '' stands for a text that was too long to keep. */
function bounded(text: string): string {
  return text.length > LIMITS.recordedChars ? '' : text;
}

function readText(text: string): unknown {
  return text === '' ? `(over ${LIMITS.recordedChars} characters, not kept)` : JSON.parse(text);
}
