// What makes a call give the same when it is run again: the host tells its clock, and its random numbers come
// from a key of its own. Both stand in front of frames to the cell, which takes them off again.

/** The clock and the random numbers of one call. */
export type CallTrace = {
  /** Epoch milliseconds of its first turn */
  readonly startedMs: number;
  /** The key of its random numbers: 32 bytes, base64. The cell knows it, no guest does. Absent: fresh ones */
  readonly seed?: string;
  /** Epoch milliseconds of the turn that the answer to its n-th request makes */
  readonly answeredMs: (sequence: number) => number;
};

/** What stands in front of an invocation; nothing for a call without a trace. */
export function stampOfStart(trace: CallTrace | undefined): string {
  return trace === undefined ? '' : `@${trace.startedMs} ${trace.seed ?? ''}\n`;
}

/** What stands in front of an answer. */
export function stampOfAnswer(trace: CallTrace | undefined, sequence: number): string {
  return trace === undefined ? '' : `@${trace.answeredMs(sequence)}\n`;
}
