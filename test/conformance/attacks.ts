// The whole attack corpus, when it lies beside the project. Run by .ci/run, not by `npm test`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const FOLDER = join(import.meta.dirname, '../../../shared/attacks');
const MAIN = join(import.meta.dirname, '../attack/main.ts');

// Two at a time: the first one waits for deadlines of the host, mostly.
describe('attack corpus', { timeout: 600_000, concurrency: 2 }, () => {
  for (const kind of ['admin-http', 'ssrf', 'sandbox', 'exhaustion', 'build']) {
    const file = join(FOLDER, `${kind}.json`);
    const skip = existsSync(file) ? false : `${file} is absent`;
    it(`is held off: ${kind}`, { skip }, async () => {
      const child = spawn(process.execPath, [MAIN, file]);
      let out = '';
      child.stdout.on('data', (text) => (out += text));
      child.stderr.on('data', (text) => (out += text));
      const [code] = (await once(child, 'close')) as [number | null];
      assert.equal(code, 0, out);
      console.log(out.trim().split('\n').at(-1));
    });
  }
});
