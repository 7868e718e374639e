// AbortController and AbortSignal, by the DOM standard.

import { setTimer } from '../bridge.ts';
import { DOMException } from './dom-exception.ts';
import { defineHandler, Event, EventTarget, fireTrusted } from './events.ts';
import { createSlots } from './slots.ts';
import { defineInterface, needs } from './webidl.ts';

type SignalState = {
  aborted: boolean;
  reason: unknown;
  algorithms: Set<() => void>;
  sources: Set<AbortSignal>;
  dependents: Set<AbortSignal>;
};

const states = createSlots<AbortSignal, SignalState>();
const MAKING = Symbol('making a signal');

function stateOf(signal: AbortSignal): SignalState {
  const state = states.get(signal);
  if (state === undefined) throw new TypeError('Illegal invocation');
  return state;
}

/** Tells that something is no longer wanted. */
export class AbortSignal extends EventTarget {
  constructor(making?: symbol) {
    if (making !== MAKING) throw new TypeError('Illegal constructor');
    super();
    states.set(this, {
      aborted: false,
      reason: undefined,
      algorithms: new Set(),
      sources: new Set(),
      dependents: new Set(),
    });
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(MAKING);
    Object.assign(stateOf(signal), { aborted: true, reason: reasonOr(reason) });
    return signal;
  }

  static timeout(ms: number): AbortSignal {
    needs(arguments, 1, 'timeout');
    const wait = Number(ms);
    if (!Number.isFinite(wait) || wait < 0 || wait > Number.MAX_SAFE_INTEGER) {
      throw new TypeError('timeout takes a number of milliseconds from 0 on');
    }
    const signal = new AbortSignal(MAKING);
    setTimer(wait, () => {
      abortSignal(signal, new DOMException('The operation timed out', 'TimeoutError'));
    });
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    needs(arguments, 1, 'any');
    const all = [...signals];
    const result = new AbortSignal(MAKING);
    const state = stateOf(result);
    for (const signal of all) {
      const { aborted, reason } = stateOf(signal);
      if (aborted) {
        Object.assign(state, { aborted, reason });
        return result;
      }
    }
    for (const signal of all) {
      const { sources } = stateOf(signal);
      for (const source of sources.size > 0 ? sources : [signal]) {
        state.sources.add(source);
        stateOf(source).dependents.add(result);
      }
    }
    return result;
  }

  get aborted(): boolean {
    return stateOf(this).aborted;
  }

  get reason(): unknown {
    return stateOf(this).reason;
  }

  throwIfAborted(): void {
    const { aborted, reason } = stateOf(this);
    if (aborted) throw reason;
  }
}
defineHandler(AbortSignal.prototype, 'abort');
defineInterface(AbortSignal, 'AbortSignal', { constructor: 0, abort: 0 });

/** Makes a signal and aborts it. */
export class AbortController {
  readonly #signal = new AbortSignal(MAKING);

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason?: unknown): void {
    abortSignal(this.#signal, reasonOr(reason));
  }
}
defineInterface(AbortController, 'AbortController', { abort: 0 });

/** Runs `algorithm` before the abort event; returns what takes it back. */
export function onAbort(signal: AbortSignal, algorithm: () => void): () => void {
  const { algorithms } = stateOf(signal);
  algorithms.add(algorithm);
  return () => algorithms.delete(algorithm);
}

/** Whether a value is one of our signals. */
export function isSignal(value: unknown): value is AbortSignal {
  return typeof value === 'object' && value !== null && states.has(value as AbortSignal);
}

function abortSignal(signal: AbortSignal, reason: unknown): void {
  const state = stateOf(signal);
  if (state.aborted) return;
  Object.assign(state, { aborted: true, reason });
  const dependents: AbortSignal[] = [];
  for (const dependent of state.dependents) {
    const inner = stateOf(dependent);
    if (inner.aborted) continue;
    Object.assign(inner, { aborted: true, reason });
    dependents.push(dependent);
  }
  for (const each of [signal, ...dependents]) {
    const { algorithms } = stateOf(each);
    for (const algorithm of algorithms) algorithm();
    algorithms.clear();
    fireTrusted(each, new Event('abort'));
  }
}

function reasonOr(reason: unknown): unknown {
  return reason === undefined
    ? new DOMException('This operation was aborted', 'AbortError')
    : reason;
}
