// What is told of a call besides its result: its cost, and the lines it logged.

/** What one call cost. */
export type Receipt = {
  readonly wallMs: number;
  readonly queueMs: number;
  readonly cpuMs: number;
  readonly heapPeakBytes: number;
  readonly generation: string;
  readonly capabilities: Readonly<
    Record<string, { calls: number; bytesOut: number; bytesIn: number; denied: number }>
  >;
};

/** One log line of an instance. */
export type LogLine = {
  readonly at: string;
  readonly instance: string;
  readonly callId?: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
};
