// A call that gives the same when it is run again, as the cell runs it: its clock goes as the host tells,
// its random numbers are the key stream of a key that only host and cell know.

import { createCipheriv } from 'node:crypto';

/** Gives that many random bytes. */
export type Draw = (bytes: number) => Buffer;

/** The byte that a stamped frame starts with, as no other frame's text does; see host/broker/trace.ts. */
export const STAMP = 0x40;

/** What the host tells of a traced call. */
export type Stamp = { readonly atMs: number; readonly seed: string };

/** Takes the stamp off. */
export function readStamp(whole: string): { readonly text: string; readonly stamp: Stamp } {
  const end = whole.indexOf('\n');
  const [ms = '', seed = ''] = whole.slice(1, end).split(' ');
  return { text: whole.slice(end + 1), stamp: { atMs: Number(ms), seed } };
}

/** One such call. */
export class TracedCall {
  /** Its number in the slot */
  readonly number: number;
  /** Its source of random bytes; undefined: any other call's */
  readonly draw: Draw | undefined;
  #clockMs: number;

  constructor(number: number, { atMs, seed }: Stamp) {
    this.number = number;
    this.#clockMs = atMs;
    this.draw = seed === '' ? undefined : createDraw(Buffer.from(seed, 'base64'));
  }

  /** Epoch milliseconds of its current turn. */
  get clockMs(): number {
    return this.#clockMs;
  }

  /** Its clock never runs backwards. */
  advance(atMs: number): void {
    if (atMs > this.#clockMs) this.#clockMs = atMs;
  }
}

/** AES-256 in counter mode: no byte says anything about another one. The key is used for one call only. */
function createDraw(key: Buffer): Draw {
  let stream: ReturnType<typeof createCipheriv> | undefined;
  return (bytes) => {
    // Most calls draw nothing.
    stream ??= createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
    return stream.update(Buffer.alloc(bytes));
  };
}
