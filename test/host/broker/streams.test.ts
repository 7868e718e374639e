import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Download, Upload } from '../../../host/broker/streams.ts';
import { LIMITS } from '../../../host/limits.ts';

const chunkOf = (bytes: number): Buffer => Buffer.alloc(bytes, 'x');

describe('a body from a guest', () => {
  it('takes chunks of the agreed size', () => {
    const upload = new Upload(() => undefined);
    assert.equal(upload.push(chunkOf(LIMITS.streamChunkBytes)), true);
  });

  it('takes none over it: the window counts chunks, so that memory is bounded by both', () => {
    const upload = new Upload(() => undefined);
    assert.equal(upload.push(chunkOf(LIMITS.streamChunkBytes + 1)), false);
  });
});

describe('a body to a guest', () => {
  it('waits while the pipe is full, and goes on when it has room', { timeout: 5_000 }, async () => {
    const { promise: full, resolve: drain } = Promise.withResolvers<void>();
    const sent: number[] = [];
    let isFull = true;
    const pumped = new Download().pump(only(chunkOf(10)), {
      send: (chunk) => sent.push(chunk.length),
      room: () => (isFull ? full : undefined),
    });
    await new Promise(setImmediate);
    assert.deepEqual(sent, []);
    isFull = false;
    drain();
    await pumped;
    assert.deepEqual(sent, [10]);
  });
});

async function* only(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
