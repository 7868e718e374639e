// `cofferdam dev --with-fakes` as a person uses it: the printed config works, and leads to the fakes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';

const LAUNCH = join(import.meta.dirname, '../../host/cli/launch.js');
const TOKEN = 'fakes-admin-token-0001';

it('dev --with-fakes prints config with which extensions answer', { timeout: 60_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'cofferdam-fakes-'));
  const child = spawn(process.execPath, [LAUNCH, 'dev', '--with-fakes'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      COFFERDAM_PORT: '0',
      COFFERDAM_DATA_DIR: dir,
      COFFERDAM_ADMIN_TOKEN: TOKEN,
      COFFERDAM_LOG_LEVEL: 'silent',
    },
  });
  try {
    let url = '';
    const configs = new Map<string, string>();
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.includes('"msg":"ready"')) url = JSON.parse(line).url;
      const [, extension, config] = /^config of (\S+): (.+)$/.exec(line) ?? [];
      if (extension !== undefined && config !== undefined) configs.set(extension, config);
      if (extension === 'servers/enhance') break;
    }
    for (const extension of ['servers/plesk', 'gateways/mollie', 'others/webhook']) {
      const ask = async (method: string, act: string, body?: string): Promise<any> => {
        const json = body === undefined ? {} : { 'content-type': 'application/json' };
        const reply = await fetch(`${url}/api/v1/admin/extensions/${extension}/${act}`, {
          method,
          headers: { authorization: `Bearer ${TOKEN}`, ...json },
          ...(body === undefined ? {} : { body }),
        });
        const answer: any = await reply.json();
        assert.ok(reply.ok, JSON.stringify(answer));
        return answer;
      };
      await ask('PUT', 'config', configs.get(extension));
      await ask('POST', 'enable');
      assert.equal((await ask('POST', 'test')).ok, true, extension);
    }
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    await rm(dir, { recursive: true, force: true });
  }
});
