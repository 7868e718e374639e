// `Math.random`: the engine's own, but for calls that can be run again, whose numbers come from the cell and
// are the same the next time.

import { ask } from '../bridge.ts';
import { isTurnTold } from './time.ts';

const native = Math.random;
const fromBase64 = Uint8Array.fromBase64.bind(Uint8Array);

/** Numbers that are drawn at a time: a question costs as much as making a hundred of them. */
const DRAWN = 64;
const BYTES = 7;
let left: Uint8Array = new Uint8Array(0);
let at = 0;

/** Forgets what is left over of the turn before: it may be another call's. */
export function beginRandom(): void {
  at = left.length;
}

/** Puts it in the place of the engine's. */
export function installRandom(): void {
  const { random } = {
    random(): number {
      return isTurnTold() ? draw() : native();
    },
  };
  Object.defineProperty(Math, 'random', { value: random, writable: true, configurable: true });
}

/** 53 bits, as many as a number has between 0 and 1. */
function draw(): number {
  if (at >= left.length) {
    left = fromBase64(ask('random', `${DRAWN * BYTES}`));
    at = 0;
  }
  let value = (left[at] ?? 0) & 0x1f;
  for (let next = at + 1; next < at + BYTES; next += 1) value = value * 256 + (left[next] ?? 0);
  at += BYTES;
  return value / 0x20_0000_0000_0000;
}
