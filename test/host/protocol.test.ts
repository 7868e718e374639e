// What one side writes is what the other reads, however the bytes are cut on the way.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { FRAME } from '../../host/frames.ts';
import { LIMITS } from '../../host/limits.ts';
import { FrameReader, FrameWriter, packBlocks, unpackBlocks } from '../../host/protocol.ts';

type Plain = { kind: number; slot: number; id: number; payload: string };

/** A pipe that keeps what is written and counts the times that it had to be told. */
function createPipe(): { bytes: () => Buffer; writes: () => number } & ConstructorParameters<
  typeof FrameWriter
>[0] {
  const runs: Buffer[] = [];
  let writes = 0;
  let corked = false;
  return {
    cork: () => void (corked = true),
    write: (run) => {
      runs.push(Buffer.from(run));
      if (!corked) writes += 1;
    },
    uncork: () => {
      corked = false;
      writes += 1;
    },
    bytes: () => Buffer.concat(runs),
    writes: () => writes,
  };
}

/** Reads `bytes` in pieces of these sizes, over and over, from one buffer that is written over each time. */
function readInPieces(bytes: Buffer, sizes: readonly number[]): Plain[] {
  const reader = new FrameReader();
  const shared = Buffer.alloc(Math.max(...sizes));
  const read: Plain[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = Math.min(sizes[turn % sizes.length] ?? 1, bytes.length - at);
    bytes.copy(shared, 0, at, at + size);
    for (const { payload, ...frame } of reader.push(shared.subarray(0, size))) {
      read.push({ ...frame, payload: payload.toString('latin1') });
    }
    at += size;
  }
  return read;
}

const frames = fc.array(
  fc.record({
    kind: fc.integer({ min: 0, max: 255 }),
    slot: fc.integer({ min: 0, max: 65_535 }),
    id: fc.integer({ min: 0, max: 0xffffffff }),
    bytes: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 80_000 })),
    isText: fc.boolean(),
  }),
  { maxLength: 12 },
);

test('frames arrive as they were sent, in order, however their bytes are cut', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(frames, sizes, (sent, pieces) => {
      const pipe = createPipe();
      const writer = new FrameWriter(pipe);
      const expected: Plain[] = sent.map(({ kind, slot, id, bytes, isText }) => {
        const payload = 'x'.repeat(bytes);
        writer.send(kind, slot, id, isText ? payload : Buffer.from(payload));
        return { kind, slot, id, payload };
      });
      writer.flush();
      assert.deepEqual(readInPieces(pipe.bytes(), pieces), expected);
      assert.equal(pipe.writes(), sent.length === 0 ? 0 : 1);
    }),
    { numRuns: 60 },
  );
});

test('a writer knows what it holds until the tick ends', async () => {
  const pipe = createPipe();
  const writer = new FrameWriter(pipe);
  writer.send(FRAME.log, 1, 0, 'é');
  writer.send(FRAME.chunk, 1, 0, Buffer.alloc(LIMITS.streamChunkBytes));
  assert.equal(writer.heldBytes, 11 + 2 + 11 + LIMITS.streamChunkBytes);
  await Promise.resolve();
  assert.equal(writer.heldBytes, 0);
  assert.equal(pipe.bytes().length, 11 + 2 + 11 + LIMITS.streamChunkBytes);
});

test('a frame of the largest size is read, one byte more is outside of the protocol', () => {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(LIMITS.frameBytes);
  assert.deepEqual(new FrameReader().push(head), []);
  head.writeUInt32LE(LIMITS.frameBytes + 1);
  assert.throws(() => new FrameReader().push(head), RangeError);
  // Also when the length itself comes in two pieces.
  const reader = new FrameReader();
  reader.push(head.subarray(0, 2));
  assert.throws(() => reader.push(head.subarray(2)), RangeError);
});

test('a frame shorter than its header is outside of the protocol', () => {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(6);
  assert.throws(() => new FrameReader().push(head), RangeError);
});

test('a frame is unpacked up to the bound of its blocks', () => {
  const blocks = Array.from({ length: LIMITS.blocksPerFrame }, () => '');
  assert.equal(unpackBlocks(packBlocks(blocks)).length, LIMITS.blocksPerFrame);
  assert.throws(() => unpackBlocks(packBlocks([...blocks, ''])), RangeError);
});
