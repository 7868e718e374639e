// Compressions of one isolate, chunk by chunk.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';

import { createZlib } from '../../../host/sandbox/ask/zlib.ts';

it('a compression keeps nothing of the chunks that went through it', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  const zlib = createZlib();
  const id = zlib.open('compress gzip');
  const out: Buffer[] = [];
  const base64 = Buffer.from('word ').toString('base64');
  for (let at = 0; at <= 100; at += 1) {
    const last = at === 100;
    out.push(Buffer.from(await zlib.feed({ id, last, base64: last ? '' : base64 }), 'base64'));
  }
  await setImmediate();
  process.off('warning', note);
  // Each chunk left a listener behind, with all that it had been: 7 KB.
  assert.deepEqual(warnings, []);
  assert.equal(gunzipSync(Buffer.concat(out)).toString(), 'word '.repeat(100));
});
