// Recorded calls that run again: with the answers they had then, in an isolate of their own and without
// any effect, to see what the code of today makes of them; or for real, as a new call.

import { Cancellation } from '../cancellation.ts';
import type { CatalogEntry } from '../catalog/catalog.ts';
import { Deadline } from '../deadline.ts';
import { HostError } from '../errors.ts';
import { isEffect } from '../recorder/recording.ts';
import type { RecordedRequest, Recording } from '../recorder/recording.ts';
import { createCallId } from './calls.ts';
import type { Calls } from './calls.ts';
import type { Prepared } from './prepared.ts';
import { decideLimits } from './compiled.ts';
import type { Compiled } from './compiled.ts';
import type { Actor, CallOutcome, Replayed, ReplayWish } from './host.ts';
import { withoutOneTime } from './one-time.ts';
import type { HostParts } from './parts.ts';
import type { Replayable } from './records.ts';

type Parts = Pick<HostParts, 'catalog' | 'extensions' | 'instances' | 'records' | 'nowMs'>;

/** Replays calls. */
export class Replays {
  readonly #parts: Parts;
  readonly #calls: Calls;

  constructor(parts: Parts, calls: Calls) {
    this.#parts = parts;
    this.#calls = calls;
  }

  /**
   * Runs a recorded call again.
   *
   * @throws {HostError} What the call ends with; `details.replay` says how that differs from the recording
   */
  async replay(
    callId: string,
    { mode = 'recorded', generation }: ReplayWish,
    actor: Actor,
  ): Promise<CallOutcome & { readonly replay?: Replayed }> {
    const known = await this.#parts.records.replayable(callId);
    const entry = await this.#find(known.instance);
    if (mode === 'live') return this.#live(known, { callId, actor });
    const compiled =
      generation === undefined
        ? await this.#parts.extensions.current(entry)
        : await this.#parts.extensions.generation(entry, generation);
    return this.replayOn(known, { callId, actor, entry, compiled });
  }

  /** Runs a recorded call on one generation, with recorded answers only. */
  async replayOn(
    known: Replayable,
    subject: {
      readonly callId: string;
      readonly actor: Actor;
      readonly entry: CatalogEntry;
      readonly compiled: Compiled;
    },
  ): Promise<CallOutcome & { readonly replay: Replayed }> {
    const { callId, actor, entry, compiled } = subject;
    const { instances } = this.#parts;
    const [, , name = ''] = known.instance.split('/');
    const row = await instances.row(entry, name);
    // Its clock starts where it did then.
    const originMs = known.startedMs;
    const instance = instances.detached(row, entry, { compiled, originMs });
    let recording: Recording | undefined;
    const { handler, operationId, inputText } = known;
    const prepared: Prepared = {
      ...{ id: known.instance, instance, handler, inputText, actor },
      deadline: new Deadline(this.#parts.nowMs(), decideLimits(compiled.manifest).wallMs),
      dryRun: false,
      cancellation: new Cancellation(),
      replayOf: callId,
      script: {
        mode: 'replay',
        requests: known.requests,
        trace: { startedMs: known.startedMs, originMs },
      },
      onRecord: (made) => {
        recording = made;
      },
    };
    try {
      const outcome = await this.#calls.run(prepared, createCallId(), operationId);
      const result = withoutOneTime(JSON.parse(outcome.resultText));
      return { ...outcome, replay: compare(known, recording, { result }) };
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      const replay = compare(known, recording, { code: error.code });
      throw new HostError(error.code, error.message, {
        ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
        details: { ...error.details, replay },
        cause: error,
      });
    } finally {
      await instance.stop();
    }
  }

  async #live(
    known: Replayable,
    { callId, actor }: { readonly callId: string; readonly actor: Actor },
  ): Promise<CallOutcome> {
    const [category = '', name = '', instance = ''] = known.instance.split('/');
    const { handler, inputText } = known;
    return this.#calls.call({ category, name, instance }, handler, {
      input: JSON.parse(inputText) as unknown,
      cancellation: new Cancellation(),
      actor,
      replayOf: callId,
    });
  }

  #find(instance: string): Promise<CatalogEntry> {
    const [category = '', name = ''] = instance.split('/');
    return this.#parts.catalog.find(category, name);
  }
}

/** How a call that ran again differs from its recording. */
function compare(
  known: Replayable,
  recording: Recording | undefined,
  now: { readonly result?: unknown; readonly code?: string },
): Replayed {
  const differences: string[] = [];
  const then = known.error?.code;
  if (then !== now.code) {
    differences.push(`it ended with ${now.code ?? 'a result'}, then with ${then ?? 'a result'}`);
  } else if (then === undefined && known.resultText !== null) {
    const before = withoutOneTime(JSON.parse(known.resultText === '' ? 'null' : known.resultText));
    if (JSON.stringify(before) !== JSON.stringify(now.result))
      differences.push('the result differs');
  }
  for (const stray of recording?.strays ?? []) differences.push(`new: ${describe(stray)}`);
  for (const unused of recording?.unused ?? []) {
    if (isEffect(unused)) differences.push(`not asked any more: ${describe(unused)}`);
  }
  return { mode: 'recorded', same: differences.length === 0, differences };
}

function describe({ capability, payload }: RecordedRequest): string {
  const { method, url, op, key } = Object(payload) as Readonly<Record<string, unknown>>;
  const words = [capability, method ?? op, url ?? key].filter((word) => typeof word === 'string');
  return words.join(' ').slice(0, 300);
}
