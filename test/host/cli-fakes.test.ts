// `cofferdam dev --with-fakes` over a store that is kept: the second start knows no token, so it prints what
// to enter. What a person does with a fresh one is in test/console/fakes.test.ts.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';

import { TEST_ROOT } from '../helpers/folder.ts';

const LAUNCH = join(import.meta.dirname, '../../host/cli/launch.js');
const LAST = /^(?:Everything runs on fakes|config of servers\/enhance)/;

async function start(dir: string): Promise<string[]> {
  const child = spawn(process.execPath, [LAUNCH, 'dev', '--with-fakes'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      PATH: process.env['PATH'],
      COFFERDAM_PORT: '0',
      COFFERDAM_DATA_DIR: dir,
      COFFERDAM_LOG_LEVEL: 'silent',
    },
  });
  const lines: string[] = [];
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (LAST.test(line)) break;
    }
    return lines;
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  }
}

it(
  'dev --with-fakes sets up every extension that has a fake, once',
  { timeout: 90_000 },
  async () => {
    const dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-fakes-'));
    try {
      const first = (await start(dir)).filter((line) =>
        /^(?:servers|gateways|others)\//.test(line),
      );
      assert.equal(first.length, 18);
      assert.ok(
        first.every((line) => /: (?:done|pending|redirect|form|200)$/.test(line)),
        first.join('\n'),
      );
      const second = (await start(dir)).filter((line) => line.startsWith('config of '));
      assert.equal(second.length, 18);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
);
