// setTimeout and setInterval over the bridge's timers, by the HTML standard: ids are numbers.

import { clearTimer, setTimer } from '../bridge.ts';
import { reportError } from './console.ts';

type Callback = (...values: unknown[]) => unknown;

const timers = new Map<number, number>();
let nextId = 1;

function toWait(ms: unknown): number {
  const wait = Number(ms);
  return Number.isFinite(wait) && wait > 0 && wait <= 0x7fffffff ? Math.trunc(wait) : 0;
}

function toCallback(value: unknown): Callback {
  if (typeof value === 'function') return value as Callback;
  throw new TypeError('A timer takes a function: text is not evaluated here');
}

/** Runs a function once, later. */
export function setTimeout(callback: unknown, ms?: unknown, ...values: unknown[]): number {
  const run = toCallback(callback);
  const id = nextId++;
  timers.set(
    id,
    setTimer(toWait(ms), () => {
      timers.delete(id);
      guarded(run, values);
    }),
  );
  return id;
}

/** Runs a function again and again. */
export function setInterval(callback: unknown, ms?: unknown, ...values: unknown[]): number {
  const run = toCallback(callback);
  const id = nextId++;
  const wait = toWait(ms);
  const tick = (): void => {
    // Set again before it runs, so that the callback itself can clear it.
    timers.set(id, setTimer(wait, tick));
    guarded(run, values);
  };
  timers.set(id, setTimer(wait, tick));
  return id;
}

/** Forgets a timer of either kind; unknown ids are fine. */
export function clearTimeout(id?: unknown): void {
  const key = Number(id);
  const timer = timers.get(key);
  if (timer === undefined) return;
  timers.delete(key);
  clearTimer(timer);
}

/** Queues a microtask; what it throws is logged. */
export function queueMicrotask(callback: unknown): void {
  const run = toCallback(callback);
  void Promise.resolve().then(() => guarded(run, []));
}

function guarded(run: Callback, values: unknown[]): void {
  try {
    run.apply(globalThis, values);
  } catch (error) {
    reportError(error);
  }
}
