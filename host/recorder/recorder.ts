// The flight recorder: sits between a guest's requests and the capabilities that serve them. Keeps what
// each call asked; writes effects down before they leave; gives recorded answers to calls that run again.

import type { Capability, CapabilityReply, CapabilityTable } from '../capabilities/capability.ts';
import type { CallRow, EffectRow, RecordingStore } from '../store/recordings.ts';
import type { Vault } from '../store/vault.ts';
import { failureReply, isEffect, Recording, replyOf, tellsOfFirst } from './recording.ts';
import type {
  RecordedReply,
  RecordedRequest,
  RecordingSubject,
  Script,
  Trace,
} from './recording.ts';
import { giveStandIns, nameStandIns } from './stand-ins.ts';
import type { StandIns } from './stand-ins.ts';

/** What is sealed with a call's row. */
export type RecordedBody = {
  /** Absent in what was kept before it was. */
  readonly operationId?: string;
  readonly inputText: string;
  readonly resultText: string | null;
  readonly requests: readonly RecordedRequest[];
};

/** What the recorder needs. */
export type RecorderPowers = {
  readonly store: RecordingStore;
  readonly vault: Vault;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
};

/** What is known of a call that was cut off: enough to run it up to where it was. */
export type Journal = {
  readonly requests: readonly RecordedRequest[];
  readonly trace: Trace | undefined;
};

/** An effect as it is journalled, with what led to it. */
type JournalEntry = RecordedRequest & {
  readonly before?: readonly RecordedRequest[];
  readonly trace?: Trace;
};

/** Records the calls that run. */
export class Recorder {
  readonly #powers: RecorderPowers;
  readonly #byCall = new Map<string, Recording>();

  constructor(powers: RecorderPowers) {
    this.#powers = powers;
  }

  /** From now on the requests of that call are recorded; `close` ends it. */
  open(subject: RecordingSubject, script?: Script): Recording {
    const recording = new Recording(subject, script);
    this.#byCall.set(subject.callId, recording);
    return recording;
  }

  close(callId: string): void {
    this.#byCall.delete(callId);
  }

  /** The same capabilities, recorded. */
  wrap(table: CapabilityTable, standIns: StandIns): CapabilityTable {
    return Object.fromEntries(
      Object.entries(table).map(([name, serve]) => [name, this.#record(name, serve, standIns)]),
    );
  }

  #record(capability: string, serve: Capability, standIns: StandIns): Capability {
    return async (payload, scope, upload) => {
      const recording = this.#byCall.get(scope.callId);
      if (recording === undefined) return serve(payload, scope, upload);
      const named = nameStandIns(payload, standIns);
      const request = { sequence: scope.sequence, capability, payload: named };
      const known = recording.take(request);
      if (known !== undefined) return { value: giveStandIns(known.value, standIns) };
      const { held } = recording;
      const isJournalled = recording.subject.journalled && isEffect(request);
      const isResent = recording.isResent(request);
      if (isJournalled && !isResent) await this.#begin(recording, request);
      // Nothing is written down of it that the key would be looked at for.
      else if (isEffect(request)) await held?.store.ping();
      const end = async (reply: RecordedReply): Promise<void> => {
        const answered = { ...request, atMs: this.#powers.nowMs() };
        recording.add(answered, reply);
        // Cut off with its call, it was not answered: only the vendor knows what became of it.
        const isCutOff = 'error' in reply && scope.cancellation.reason === 'call-over';
        // Nor was it when a repeat of it did not get as far: it may be sent once more.
        const isOpen = isCutOff || (isResent && !tellsOfFirst(request, reply));
        if (isJournalled && !isOpen) await this.#end(recording, answered, reply);
      };
      const ask = async (): Promise<CapabilityReply> => {
        const within = held === undefined ? scope : { ...scope, store: held.store };
        let reply: CapabilityReply;
        try {
          reply = await serve(payload, within, upload);
        } catch (error) {
          recording.noteFailure(error);
          await end(failureReply(error));
          throw error;
        }
        await end(nameStandIns(replyOf(reply), standIns));
        return reply;
      };
      return isJournalled ? recording.send(ask) : ask();
    };
  }

  /** What a call that was cut off has asked and got, up to its last effect. */
  async journal(callId: string): Promise<Journal> {
    const rows = await this.#powers.store.effects(callId);
    const entries = rows.map((row) => this.#openEffect(row));
    const requests = entries.flatMap(({ before = [], trace: _trace, ...effect }) => [
      ...before,
      effect,
    ]);
    return { requests, trace: entries.find(({ trace }) => trace !== undefined)?.trace };
  }

  /** The call's row to be kept, with what is sealed in it. */
  seal(row: Omit<CallRow, 'sealed'>, body: RecordedBody): CallRow {
    const { vault } = this.#powers;
    return { ...row, sealed: vault.seal(JSON.stringify(body), placeOf(row)).$sealed };
  }

  /** What was sealed; undefined when it was too long to keep. @throws {HostError} `HOST_STORE_FAILED` */
  openBody(row: CallRow): RecordedBody | undefined {
    if (row.sealed === null) return undefined;
    const text = this.#powers.vault.open({ $sealed: row.sealed }, placeOf(row));
    return JSON.parse(text) as RecordedBody;
  }

  /** One write: what led to the effect goes with it. */
  async #begin(recording: Recording, request: RecordedRequest): Promise<void> {
    const { subject, held } = recording;
    const { store } = held ?? this.#powers;
    const { callId, instance, trace } = subject;
    const entry = { ...request, before: recording.takeUnjournalled(), trace };
    const about = { callId, instance, sequence: request.sequence };
    const sealed = this.#sealText(subject, entry);
    try {
      await store.putEffect({ ...about, request: sealed, reply: null });
      held?.signal.throwIfAborted();
    } catch (error) {
      recording.noteFailure(error);
      throw error;
    }
  }

  async #end(
    { subject }: Recording,
    { sequence, atMs }: Pick<RecordedRequest, 'sequence' | 'atMs'>,
    reply: RecordedReply,
  ): Promise<void> {
    const sealed = this.#sealText(subject, { ...reply, atMs });
    try {
      // Without the key, too: whoever finishes the call must know what was answered.
      await this.#powers.store.endEffect({ callId: subject.callId, sequence, reply: sealed });
    } catch (error) {
      // The effect has happened, and its answer is here: only a crash from now on would miss it.
      this.#powers.onError(error);
    }
  }

  #sealText(place: Pick<CallRow, 'callId' | 'instance'>, value: unknown): string {
    return this.#powers.vault.seal(JSON.stringify(value), placeOf(place)).$sealed;
  }

  #openEffect({ request, reply, ...place }: EffectRow): JournalEntry {
    const read = (sealed: string): unknown =>
      JSON.parse(this.#powers.vault.open({ $sealed: sealed }, placeOf(place)));
    const known = read(request) as JournalEntry;
    if (reply === null) return known;
    const { atMs, ...said } = read(reply) as RecordedReply & { readonly atMs?: number };
    return { ...known, reply: said, ...(atMs === undefined ? {} : { atMs }) };
  }
}

function placeOf({ callId, instance }: Pick<CallRow, 'callId' | 'instance'>): {
  readonly instance: string;
  readonly field: string;
} {
  return { instance, field: `call:${callId}` };
}
