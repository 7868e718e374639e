// `performance`, by the High Resolution Time standard: its clock is the coarse one of time.ts.

import { EventTarget } from './events.ts';
import { sinceOriginMs, timeOriginMs } from './time.ts';
import { defineInterface } from './webidl.ts';

const MAKING = Symbol('making the clock');

/** The class of the global `performance`. */
export class Performance extends EventTarget {
  readonly #since = sinceOriginMs;
  readonly #origin = timeOriginMs;

  constructor(making?: symbol) {
    if (making !== MAKING) throw new TypeError('Illegal constructor');
    super();
  }
  now(): number {
    return this.#since();
  }
  get timeOrigin(): number {
    return this.#origin();
  }
  toJSON(): object {
    return { timeOrigin: this.#origin() };
  }
}
defineInterface(Performance, 'Performance', { constructor: 0 });

/** Makes the global `performance`. */
export function createPerformance(): Performance {
  return new Performance(MAKING);
}
