// Commands about who did what, against a real host.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { ADMIN_TOKEN, manifestFor, other, startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';

const LAUNCH = join(import.meta.dirname, '../../../host/cli/launch.js');

describe('the command line about access', { timeout: 120_000 }, () => {
  let host: TestHost;
  before(async () => {
    const code = { 'extension.ts': other('return input;') };
    const capabilities = { storage: { quotaBytes: 1_000 } };
    const manifest = JSON.stringify(manifestFor('others/asks', { capabilities }));
    host = await startTestHost({
      'others/echo': code,
      'others/asks': { ...code, 'manifest.json': manifest },
    });
    for (const name of ['others/asks', 'others/echo']) await host.enable(name);
  });
  after(() => host[Symbol.asyncDispose]());
  const run = async (
    ...args: readonly string[]
  ): Promise<{ code: number | null; out: string; err: string }> => {
    const child = spawn(process.execPath, [LAUNCH, ...args, '--url', host.url], {
      env: { PATH: process.env['PATH'], COFFERDAM_ADMIN_TOKEN: ADMIN_TOKEN },
    });
    const ended = { out: '', err: '' };
    child.stdout.on('data', (text) => (ended.out += text));
    child.stderr.on('data', (text) => (ended.err += text));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...ended };
  };

  it('shows what was decided about grants', async () => {
    const { code, out } = await run('grants', 'others/asks');
    assert.equal(code, 0);
    const [first, ...rest] = out.trimEnd().split('\n');
    assert.match(first ?? '', /^\d{4}-\S+Z tok_admin enable$/);
    assert.deepEqual(rest, ['  + storage {"quotaBytes":1000}']);
  });

  it('shows the audit to a person, and exports it', async () => {
    const shown = await run('audit', '--subject', 'others/echo');
    assert.equal(shown.code, 0, shown.err);
    const enabled =
      /^\d{4}-\S+Z tok_admin admin instance.enable others\/echo\/default done \{"grants":\{\}\}\n$/;
    assert.match(shown.out, enabled);
    const exported = await run('audit', '--action', 'instance.enable', '--json');
    const lines = exported.out.trim().split('\n');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { subject: string }).subject),
      ['others/echo/default', 'others/asks/default'],
    );
    const wrong = await run('audit', '--since', 'yesterday');
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /^CALLER_INPUT_INVALID: querystring "since" must match/);
  });
});
