// Every frame between the host and a cell, and the one way to write and read them.
// Both sides import it. A frame says which slot it is for; who speaks is known from the pipe.

import { LIMITS } from './limits.ts';

/** One message on the pipe. `payload` is a view into the read buffer: copy it to keep it. */
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
const EMPTY = Buffer.alloc(0);

/** Writes frames; all frames of one tick leave in one write. */
export class FrameWriter {
  readonly #write: (bytes: Buffer) => void;
  readonly #schedule: (flush: () => void) => void;
  #parts: Buffer[] = [];
  #scheduled = false;

  constructor(
    write: (bytes: Buffer) => void,
    schedule: (flush: () => void) => void = queueMicrotask,
  ) {
    this.#write = write;
    this.#schedule = schedule;
  }

  /** Queues one frame; `payload` must not change until the tick ends. */
  send(kind: number, slot: number, id: number, payload: Buffer | string = EMPTY): void {
    const text = typeof payload === 'string';
    const bytes = text ? Buffer.byteLength(payload) : payload.length;
    const frame = Buffer.allocUnsafe(text ? HEADER_BYTES + bytes : HEADER_BYTES);
    frame.writeUInt32LE(HEADER_BYTES - 4 + bytes, 0);
    frame.writeUInt8(kind, 4);
    frame.writeUInt16LE(slot, 5);
    frame.writeUInt32LE(id >>> 0, 7);
    if (text) frame.write(payload, HEADER_BYTES);
    this.#parts.push(frame);
    if (!text && bytes > 0) this.#parts.push(payload);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => this.flush());
  }

  /** Writes what is queued now. */
  flush(): void {
    this.#scheduled = false;
    const parts = this.#parts;
    if (parts.length === 0) return;
    this.#parts = [];
    this.#write(parts.length === 1 ? (parts[0] ?? EMPTY) : Buffer.concat(parts));
  }
}

/** Cuts a byte stream into frames. Holds at most one partial frame. */
export class FrameReader {
  #rest: Buffer = EMPTY;
  #wanted = 0;

  /**
   * Takes the next bytes and returns the frames that are now whole.
   *
   * @throws {RangeError} On a frame shorter than its header or over `LIMITS.frameBytes`
   */
  push(bytes: Buffer): Frame[] {
    let buffer = bytes;
    if (this.#rest.length > 0) {
      // Joining only once the announced frame is whole keeps a large frame from being copied per read.
      this.#pending.push(bytes);
      this.#pendingBytes += bytes.length;
      if (this.#pendingBytes < this.#wanted) return [];
      buffer = Buffer.concat(this.#pending);
    }
    const frames: Frame[] = [];
    let at = 0;
    while (buffer.length - at >= 4) {
      const length = buffer.readUInt32LE(at);
      if (length < HEADER_BYTES - 4 || length > LIMITS.frameBytes) {
        throw new RangeError(`Frame of ${length} bytes is outside the protocol`);
      }
      if (buffer.length - at < 4 + length) break;
      frames.push({
        kind: buffer.readUInt8(at + 4),
        slot: buffer.readUInt16LE(at + 5),
        id: buffer.readUInt32LE(at + 7),
        payload: buffer.subarray(at + HEADER_BYTES, at + 4 + length),
      });
      at += 4 + length;
    }
    this.#keep(buffer.subarray(at));
    return frames;
  }

  #pending: Buffer[] = [];
  #pendingBytes = 0;

  #keep(rest: Buffer): void {
    this.#rest = rest;
    this.#pending = rest.length > 0 ? [rest] : [];
    this.#pendingBytes = rest.length;
    this.#wanted = rest.length >= 4 ? 4 + rest.readUInt32LE(0) : 4;
  }
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

/** Undoes `packBlocks`; the blocks are views. @throws {RangeError} When lengths do not add up */
export function unpackBlocks(payload: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  let at = 4;
  for (let left = payload.readUInt32LE(0); left > 0; left -= 1) {
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
