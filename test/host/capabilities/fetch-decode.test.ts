// Bodies with several codings on top of each other: undone in order, and each within its bound.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brotliCompressSync, deflateRawSync, gzipSync } from 'node:zlib';

import { decodeStream } from '../../../host/capabilities/fetch-decode.ts';
import type { Encoding } from '../../../host/capabilities/fetch-decode.ts';
import { LIMITS } from '../../../host/limits.ts';

async function* only(bytes: Buffer): AsyncGenerator<Buffer, undefined> {
  for (let at = 0; at < bytes.length; at += 16_384) yield bytes.subarray(at, at + 16_384);
}

async function decoded(bytes: Buffer, encodings: readonly Encoding[]): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of decodeStream(only(bytes), encodings, 'api.example.com')) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

describe('codings on top of each other', { timeout: 60_000 }, () => {
  it('are undone from the last to the first', async () => {
    const text = 'plain '.repeat(50_000);
    const body = brotliCompressSync(gzipSync(deflateRawSync(Buffer.from(text))));
    assert.equal(await decoded(body, ['deflate', 'gzip', 'br']), text);
    assert.equal(await decoded(Buffer.alloc(0), ['gzip', 'br']), '');
  });

  it('are refused when one becomes too much, also when the next makes nothing of it', async () => {
    // Blocks of deflate that hold nothing: any number of them gives no byte.
    const empty = Buffer.alloc(LIMITS.decodedBodyBytes + 5, Buffer.from([0, 0, 0, 0xff, 0xff]));
    const bomb = gzipSync(empty, { level: 1 });
    await assert.rejects(decoded(bomb, ['deflate', 'gzip']), { code: 'EGRESS_LIMIT' });
  });
});
