// Events, what aborts by one, and the clock that is a target of them.

export * from '../platform/abort.ts';
export * from '../platform/events.ts';
export * from '../platform/performance.ts';
