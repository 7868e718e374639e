// Calls that were cut off by the end of a process: run again with the answers they had already, or, where
// nobody can know what an effect has done, kept until a person has looked at the vendor.

import { HostError } from '../errors.ts';
import type { Calls } from '../lifecycle/calls.ts';
import { endJournal, isCutOff, readCutOff } from '../lifecycle/cut-off.ts';
import type { CutOff } from '../lifecycle/cut-off.ts';
import { hashInput, replaceOutcome } from '../lifecycle/idempotency.ts';
import { pendingId } from '../lifecycle/pending.ts';
import type { Journal, Recorder } from '../recorder/recorder.ts';
import { isEffect, isRepeatable, needsReconciliation } from '../recorder/recording.ts';
import type { RecordedRequest } from '../recorder/recording.ts';
import type { DeliveryRow } from '../store/deliveries.ts';
import type { Store } from '../store/store.ts';
import type { FinishOperation, OperationEnd } from './finished.ts';
import type { Attempt } from './queue.ts';

/** What a person says became of a call that was cut off. */
export type Resolution =
  /** The effect is there; `result` is what the handler would have answered */
  | { readonly as: 'done'; readonly result?: unknown }
  | { readonly as: 'failed'; readonly message: string }
  /** The effect is not there: run it from the beginning */
  | { readonly as: 'again' };

/** Finishes calls that were cut off. */
export type Resumer = {
  run(row: DeliveryRow): Promise<Attempt>;
  /** @throws {HostError} `CALLER_CONFLICT` when it does not wait for a person */
  resolve(row: DeliveryRow, resolution: Resolution): Promise<void>;
};

/** What resuming needs. */
export type ResumePowers = {
  readonly calls: Calls;
  readonly store: Store;
  readonly recorder: Recorder;
  readonly nowMs: () => number;
  readonly finish: FinishOperation;
};

/** Makes the resumer. */
export function createResumer(powers: ResumePowers): Resumer {
  const { calls, store, nowMs, finish } = powers;
  return {
    async run(row) {
      const cut = readCutOff(row);
      let before: Journal | undefined;
      try {
        const outcome = await calls.resume(row.target, cut, async () => {
          before = await look(powers, row, cut);
          return before;
        });
        if (outcome === undefined) {
          await store.removeEffects(cut.callId);
          return { state: 'done', forget: true };
        }
        if (saysFailed(outcome.resultText)) await assertSettled(powers, cut, before);
        const isPending = (await store.delivery(pendingId(cut.callId))) !== undefined;
        if (!isPending) await finish({ row, ...cut }, { outcome });
        // Its end is another delivery's from here on; a repeat is told how far it is.
        else if (cut.key !== null) {
          await replaceOutcome(store, { instance: row.target, key: cut.key, outcome });
        }
      } catch (error) {
        if (!(error instanceof HostError) || !isFinal(error)) throw error;
        // Its process died once more, behind an effect: it is run again.
        if (await isCutOff(store, cut, error)) throw error;
        await assertSettled(powers, cut, before);
        await finish({ row, ...cut }, { error });
      }
      // The journal outlives the delivery: a crash between the two must not run the call from the beginning.
      const { seq, attempt } = row;
      const end = { seq, attempt, nowMs: nowMs(), error: null, state: 'done' } as const;
      const isEnded = await store.endDelivery(end);
      await endJournal(store, { guard: row, callId: cut.callId, isEnded });
      return { state: 'done' };
    },
    async resolve(row, resolution) {
      if (row.kind !== 'resume' || row.state !== 'dead') {
        throw new HostError('CALLER_CONFLICT', `Delivery "${row.id}" does not wait for a person`, {
          remedy: 'Only calls that were cut off and need reconciliation are resolved',
        });
      }
      const cut = readCutOff(row);
      if (resolution.as === 'again') {
        await store.removeEffects(cut.callId);
        await store.replayDelivery(row.id, nowMs());
        return;
      }
      await finish({ row, ...cut }, endOf(cut, resolution));
      await store.removeDelivery(row);
      await store.removeEffects(cut.callId);
    },
  };
}

/** What a call has asked and got before it was cut off; undefined when it has ended. */
async function look(
  powers: ResumePowers,
  row: DeliveryRow,
  cut: CutOff,
): Promise<Journal | undefined> {
  if (await hasEnded(powers, row, cut)) return undefined;
  const journal = await powers.recorder.journal(cut.callId);
  if (openEffects(journal).every(isRepeatable)) return journal;
  throw needsReconciliation(cut.callId, 'an effect was sent, and its answer was not kept');
}

/**
 * Effects of which nobody knows what became. An answer that was streamed, or too long, cannot be given again:
 * its effect would have to happen again.
 */
function openEffects({ requests }: Journal): readonly RecordedRequest[] {
  return requests.filter(
    (each) => isEffect(each) && (each.reply === undefined || 'left' in each.reply),
  );
}

/**
 * Whether it may be said that a resumed call has failed: not while an effect that was sent before may have
 * happened, and sending it again has not told.
 *
 * @throws {HostError} `CALLER_NEEDS_RECONCILIATION`
 */
async function assertSettled(
  { recorder }: ResumePowers,
  { callId }: CutOff,
  before: Journal | undefined,
): Promise<void> {
  if (before === undefined) return;
  const sent = new Set(openEffects(before).map(({ sequence }) => sequence));
  if (sent.size === 0) return;
  const open = openEffects(await recorder.journal(callId));
  if (!open.some(({ sequence }) => sent.has(sequence))) return;
  throw needsReconciliation(callId, 'it failed, and an effect that it had sent may have happened');
}

/** Whether a result is the failure that a handler reports without throwing it. */
function saysFailed(resultText: string): boolean {
  const { status, kind } = Object(JSON.parse(resultText)) as { status?: unknown; kind?: unknown };
  return status === 'failed' || kind === 'failed';
}

/** It may have ended, and only the end of its guard was lost; or its key belongs to another call. */
async function hasEnded(
  { store, nowMs }: ResumePowers,
  { target: instance }: DeliveryRow,
  { key, callId, handler, inputText }: CutOff,
): Promise<boolean> {
  if (key === null) return false;
  const startedAt = new Date(nowMs()).toISOString();
  const inputHash = hashInput(inputText);
  const row = { instance, key, callId, handler, inputHash, startedAt, outcome: null } as const;
  const known = await store.startOperation({ ...row, state: 'running' });
  return known !== undefined && (known.callId !== callId || known.state !== 'running');
}

/** Whether a failure is the call's own end, not one of the way there. */
function isFinal({ code }: HostError): boolean {
  return /^(?:EXTENSION|EGRESS|REMOTE)_/.test(code) && code !== 'EXTENSION_QUARANTINED';
}

function endOf(
  { callId }: CutOff,
  resolution: Exclude<Resolution, { readonly as: 'again' }>,
): OperationEnd {
  if (resolution.as === 'failed') {
    const { message } = resolution;
    const failure = { code: 'rejected', message, retriable: false };
    return { error: new HostError('EXTENSION_FAILED', message, { details: { failure, callId } }) };
  }
  const resultText = JSON.stringify(resolution.result ?? { status: 'done' });
  const cost = { wallMs: 0, queueMs: 0, cpuMs: 0, heapPeakBytes: 0 };
  const receipt = { ...cost, generation: '', capabilities: {} };
  return { outcome: { callId, resultText, receipt, facts: 0 } };
}
