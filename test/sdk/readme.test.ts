import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');

describe('what the pages show authors and panels', { timeout: 120_000 }, () => {
  let dir = '';
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cofferdam-readme-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const run = async (args: readonly string[]): Promise<[number | null, string]> => {
    const launch = join(ROOT, 'host/cli/launch.js');
    const env = { PATH: process.env['PATH'], HOME: dir };
    const child = spawn(process.execPath, [launch, ...args], { cwd: dir, env });
    let out = '';
    child.stdout.on('data', (text) => (out += text));
    child.stderr.on('data', (text) => (out += text));
    const [code] = (await once(child, 'close')) as [number | null];
    return [code, out];
  };

  it('is an extension that checks and passes its own test', async () => {
    const page = await readFile(join(ROOT, 'sdk/README.md'), 'utf8');
    const [manifest, code, test] = [...page.matchAll(/```(?:json|ts)\n(.*?)```/gs)].map(
      ([, text = '']) => text,
    );
    assert(manifest !== undefined && code !== undefined && test !== undefined);
    const folder = join(dir, 'others/my-news');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'manifest.json'), manifest);
    await writeFile(join(folder, 'extension.ts'), code);
    await writeFile(join(folder, 'extension.test.ts'), test);
    assert.deepEqual(await run(['check', folder]), [0, 'No problem found\n']);
    const [status, out] = await run(['test', folder]);
    assert.equal(status, 0, out);
    assert.match(out, /pass 1/);
  });

  it('verifies a signed message by the lines of the first page, and refuses a changed one', async () => {
    const page = await readFile(join(ROOT, 'README.md'), 'utf8');
    const [, script = ''] = /```js\n(.*?)```/s.exec(page) ?? [];
    const file = join(dir, 'verify.mjs');
    await writeFile(file, script);
    const { isFromCofferdam } = await import(file);
    const key = Buffer.from('0123456789abcdef0123456789abcdef');
    const secret = `whsec_${key.toString('base64')}`;
    const sign = (seconds: number, body: string): Record<string, string> => {
      const text = `msg_1.${seconds}.${body}`;
      const signature = createHmac('sha256', key).update(text).digest('base64');
      return {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(seconds),
        'webhook-signature': `v1,${signature}`,
      };
    };
    const seconds = Math.floor(Date.now() / 1_000);
    assert.equal(isFromCofferdam(sign(seconds, '{}'), '{}', secret), true);
    assert.equal(isFromCofferdam(sign(seconds, '{}'), '{"a":1}', secret), false);
    assert.equal(isFromCofferdam(sign(seconds - 400, '{}'), '{}', secret), false);
    assert.equal(isFromCofferdam({}, '{}', secret), false);
  });
});
