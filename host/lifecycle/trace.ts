// Which calls can be run again as they were, and with what: a start and a key of their own.

import { randomBytes } from 'node:crypto';

import type { RunRequest } from '../broker/running.ts';
import type { Recording, Trace } from '../recorder/recording.ts';
import type { Instance } from './instance.ts';

/** Bytes of a key: those of AES-256. */
const SEED_BYTES = 32;

/** What a new call is run with. Its key is in memory and, sealed, in its journal, which goes with its end. */
export function createTrace({ originMs }: Pick<Instance, 'originMs'>, startedMs: number): Trace {
  return { startedMs, originMs, seed: randomBytes(SEED_BYTES).toString('base64') };
}

/** What the broker is told of a recorded call's trace; nothing of one that has none. */
export function traceOf(
  recording: Recording,
  { isReplay, nowMs }: { readonly isReplay: boolean; readonly nowMs: () => number },
): Pick<RunRequest, 'trace'> {
  const { trace } = recording.subject;
  if (trace === undefined) return {};
  const { startedMs, seed } = trace;
  const answeredMs = (sequence: number): number =>
    // A replay knows no other time than that of the recording.
    recording.answeredMs(sequence) ?? (isReplay ? startedMs : nowMs());
  return { trace: { startedMs, answeredMs, ...(seed === undefined ? {} : { seed }) } };
}
