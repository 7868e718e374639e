// Every frame between the host and a cell, and the one way to write and read them.
// Both sides import it. A frame says which slot it is for; who speaks is known from the pipe.

import { LIMITS } from './limits.ts';

/** One message on the pipe. `payload` may be a view into the read buffer: copy it to keep it. */
export type Frame = {
  readonly kind: number;
  /** Isolate within the cell, 0–65535; 0 is the cell itself. */
  readonly slot: number;
  readonly id: number;
  readonly payload: Buffer;
};

/** A call's cost as the cell measured it, in front of every result and failure. */
export type TurnCost = { readonly cpuUs: number; readonly heapBytes: number };

const HEADER_BYTES = 11;
const LENGTH_BYTES = 4;
const EMPTY = Buffer.alloc(0);
/** Frames of one tick are laid out in a piece of this many bytes: a buffer of its own for each would cost more. */
const ARENA_BYTES = 64 * 1_024;
/** A payload of at least this many bytes leaves from where it is: V8 answers many large copies with collections. */
const OWN_RUN_BYTES = 16 * 1_024;

/** Where frames leave: a stream that can take several buffers as one write. */
export type FramePipe = {
  cork(): void;
  write(bytes: Uint8Array): unknown;
  uncork(): void;
};

/** Writes frames; all frames of one tick leave in one write. */
export class FrameWriter {
  readonly #pipe: FramePipe;
  readonly #schedule: (flush: () => void) => void;
  #runs: Uint8Array[] = [];
  #arena: Buffer = EMPTY;
  /** Where the run that is not among `#runs` yet starts and ends. */
  #from = 0;
  #to = 0;
  #scheduled = false;
  /** Bytes that wait for the tick to end. */
  heldBytes = 0;

  constructor(pipe: FramePipe, schedule: (flush: () => void) => void = queueMicrotask) {
    this.#pipe = pipe;
    this.#schedule = schedule;
  }

  /** Queues one frame; `payload` must not change any more. */
  send(kind: number, slot: number, id: number, payload: Buffer | string = EMPTY): void {
    const isText = typeof payload === 'string';
    const bytes = isText ? Buffer.byteLength(payload) : payload.length;
    const isOwnRun = !isText && bytes >= OWN_RUN_BYTES;
    const at = this.#reserve(HEADER_BYTES + (isOwnRun ? 0 : bytes));
    const arena = this.#arena;
    arena.writeUInt32LE(HEADER_BYTES - LENGTH_BYTES + bytes, at);
    arena.writeUInt8(kind, at + 4);
    arena.writeUInt16LE(slot, at + 5);
    arena.writeUInt32LE(id >>> 0, at + 7);
    if (isText) arena.write(payload, at + HEADER_BYTES);
    else if (isOwnRun) {
      this.#cut();
      this.#runs.push(payload);
    } else arena.set(payload, at + HEADER_BYTES);
    this.heldBytes += HEADER_BYTES + bytes;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => this.flush());
  }

  /** Writes what is queued now. */
  flush(): void {
    this.#scheduled = false;
    this.heldBytes = 0;
    this.#cut();
    const [first, ...more] = this.#runs;
    if (first === undefined) return;
    this.#runs = [];
    if (more.length === 0) return void this.#pipe.write(first);
    this.#pipe.cork();
    for (const run of [first, ...more]) this.#pipe.write(run);
    this.#pipe.uncork();
  }

  /** Makes room for so many bytes in one piece; returns where they start. */
  #reserve(bytes: number): number {
    if (this.#arena.length - this.#to < bytes) {
      this.#cut();
      this.#arena = Buffer.allocUnsafeSlow(Math.max(bytes, ARENA_BYTES));
      this.#from = 0;
      this.#to = 0;
    }
    const at = this.#to;
    this.#to += bytes;
    return at;
  }

  #cut(): void {
    if (this.#to > this.#from) this.#runs.push(this.#arena.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}

/** Cuts a byte stream into frames. Holds at most one partial frame, in memory of its own. */
export class FrameReader {
  /** A frame of which not all has come; until its length is known, only that. */
  #partial: Buffer = EMPTY;
  #filled = 0;

  /**
   * Takes the next bytes and returns the frames that are now whole. They may be views into `bytes`.
   *
   * @throws {RangeError} On a frame shorter than its header or over `LIMITS.frameBytes`
   */
  push(bytes: Buffer): Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    while (this.#partial.length > 0 && at < bytes.length) at += this.#fill(bytes, at, frames);
    while (bytes.length - at >= LENGTH_BYTES) {
      const end = at + lengthAt(bytes, at);
      if (end > bytes.length) break;
      frames.push(frameIn(bytes, at, end));
      at = end;
    }
    if (at < bytes.length) this.#begin(bytes, at);
    return frames;
  }

  #begin(bytes: Buffer, at: number): void {
    const isKnown = bytes.length - at >= LENGTH_BYTES;
    this.#partial = Buffer.allocUnsafeSlow(isKnown ? lengthAt(bytes, at) : LENGTH_BYTES);
    this.#filled = bytes.copy(this.#partial, 0, at);
  }

  /** Adds to the partial frame what belongs to it; returns how many bytes that were. */
  #fill(bytes: Buffer, at: number, frames: Frame[]): number {
    const taken = bytes.copy(this.#partial, this.#filled, at);
    this.#filled += taken;
    const partial = this.#partial;
    if (this.#filled < partial.length) return taken;
    const length = lengthAt(partial, 0);
    if (length > partial.length) {
      this.#partial = Buffer.allocUnsafeSlow(length);
      partial.copy(this.#partial);
    } else {
      this.#partial = EMPTY;
      frames.push(frameIn(partial, 0, length));
    }
    return taken;
  }
}

/** Bytes of the frame that starts there, its length included. */
function lengthAt(buffer: Buffer, at: number): number {
  const length = buffer.readUInt32LE(at);
  if (length < HEADER_BYTES - LENGTH_BYTES || length > LIMITS.frameBytes) {
    throw new RangeError(`Frame of ${length} bytes is outside the protocol`);
  }
  return LENGTH_BYTES + length;
}

function frameIn(buffer: Buffer, at: number, end: number): Frame {
  return {
    kind: buffer.readUInt8(at + 4),
    slot: buffer.readUInt16LE(at + 5),
    id: buffer.readUInt32LE(at + 7),
    payload: buffer.subarray(at + HEADER_BYTES, end),
  };
}

/** Packs byte blocks into one payload: count, then each with its length. */
export function packBlocks(blocks: readonly (Uint8Array | string)[]): Buffer {
  const parts: Buffer[] = [u32(blocks.length)];
  for (const block of blocks) {
    const bytes = typeof block === 'string' ? Buffer.from(block) : Buffer.from(block);
    parts.push(u32(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

/**
 * Undoes `packBlocks`; the blocks are views.
 *
 * @throws {RangeError} When lengths do not add up, or there are over `LIMITS.blocksPerFrame`
 */
export function unpackBlocks(payload: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  const count = payload.readUInt32LE(0);
  if (count > LIMITS.blocksPerFrame) throw new RangeError(`${count} blocks are in one frame`);
  let at = 4;
  for (let left = count; left > 0; left -= 1) {
    const length = payload.readUInt32LE(at);
    if (at + 4 + length > payload.length) throw new RangeError('Block is longer than its frame');
    blocks.push(payload.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return blocks;
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(value, 0);
  return bytes;
}
