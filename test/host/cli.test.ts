import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile, readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { TEST_ROOT } from '../helpers/folder.ts';

const LAUNCH = join(import.meta.dirname, '../../host/cli/launch.js');

type Ended = { code: number | null; out: string; err: string };

describe('the command line', { timeout: 180_000 }, () => {
  let dir = '';
  before(async () => {
    dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-cli-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const launch = (args: readonly string[], env: Record<string, string> = {}): ChildProcess =>
    spawn(process.execPath, [LAUNCH, ...args], {
      cwd: dir,
      env: { PATH: process.env['PATH'], HOME: dir, ...env },
    });
  const run = async (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> => {
    const child = launch(args, env);
    const ended = { out: '', err: '' };
    child.stdout?.on('data', (text) => (ended.out += text));
    child.stderr?.on('data', (text) => (ended.err += text));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...ended };
  };
  /** Waits for the ready line; output goes on being read, as a service manager would. */
  const ready = (child: ChildProcess): Promise<{ url: string; err: () => string }> =>
    new Promise((resolve, reject) => {
      let out = '';
      let err = '';
      child.stderr?.on('data', (text) => (err += text));
      child.stdout?.on('data', (text) => {
        out += text;
        const line = out.split('\n').find((each) => /"msg":"ready".*\}$/.test(each));
        if (line !== undefined)
          resolve({ url: (JSON.parse(line) as { url: string }).url, err: () => err });
      });
      child.once('exit', () => reject(new Error(`ended before it was ready: ${out}${err}`)));
    });

  it('keeps the host’s own compiled code where it is told to, for the next start', async () => {
    const folder = join(dir, 'compiled');
    assert.equal((await run(['help'], { NODE_COMPILE_CACHE: folder })).code, 0);
    assert.equal((await readdir(folder)).length, 1);
  });

  it('ends with 2 and one line for a setting that is unknown or wrong', async () => {
    for (const [name, value, words] of [
      ['COFFERDAM_PROT', '1', /^COFFERDAM_PROT is not a setting/],
      ['COFFERDAM_PORT', 'x', /^COFFERDAM_PORT must be a port number/],
      ['COFFERDAM_MASTER_KEY', 'c2hvcnQ=', /^COFFERDAM_MASTER_KEY must be 32 bytes/],
      ['COFFERDAM_PANEL_URL', 'https://panel.example', /^COFFERDAM_PANEL_SECRET is not set/],
    ] as const) {
      const { code, err } = await run(['start'], { [name]: value });
      assert.equal(code, 2);
      assert.match(err, words);
      assert.equal(err.trim().split('\n').length, 1);
    }
  });

  it('ends with 2 and one line when it cannot listen, or a folder is not there', async () => {
    await using taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const port = String((taken.address() as AddressInfo).port);
    const free = { COFFERDAM_PORT: '0', COFFERDAM_DATA_DIR: join(dir, 'refused') };
    await writeFile(join(dir, 'a-file'), '');
    for (const [env, words] of [
      [{ COFFERDAM_PORT: port }, new RegExp(`^COFFERDAM_PORT ${port} at 127.0.0.1 is in use`)],
      [{ COFFERDAM_HOST: '192.0.2.1' }, /^COFFERDAM_HOST "192.0.2.1" is no address of this/],
      [{ COFFERDAM_EXTENSIONS: '/none/here' }, /^COFFERDAM_EXTENSIONS names "\/none\/here"/],
      [{ COFFERDAM_DATA_DIR: join(dir, 'a-file/x') }, /^COFFERDAM_DATA_DIR must be a folder/],
      [{ COFFERDAM_DATA_DIR: '/proc/none/here' }, /^COFFERDAM_DATA_DIR must be a folder/],
    ] as const) {
      const { code, err } = await run(['start'], { ...free, COFFERDAM_LOG_LEVEL: 'error', ...env });
      assert.equal(code, 2, err);
      const lines = err
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('Admin token'));
      assert.equal(lines.length, 1, err);
      assert.match(lines[0] ?? '', words);
    }
  });

  it('makes an extension that checks, tests and packs', async () => {
    assert.equal((await run(['new', 'servers/my-panel', 'ext'])).code, 0);
    assert.equal((await run(['new', 'servers/my-panel', 'ext'])).code, 2);
    const checked = await run(['check', 'ext/servers/my-panel']);
    assert.deepEqual([checked.code, checked.out], [0, 'No problem found\n']);
    const tested = await run(['test', 'ext/servers/my-panel']);
    assert.equal(tested.code, 0, tested.out + tested.err);
    assert.match(tested.out, /pass 1/);
    const packed = await run(['pack', 'ext/servers/my-panel', 'panel.tgz']);
    assert.equal(packed.code, 0, packed.err);
  });

  it('makes folders of every kind whose types hold outside the repository', async () => {
    for (const category of ['servers', 'gateways', 'others']) {
      assert.equal((await run(['new', `${category}/typed`, 'typed'])).code, 0);
      assert.equal((await run(['check', `typed/${category}/typed`])).code, 0);
    }
    const tsc = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc');
    const compile = async (): Promise<[number | null, string]> => {
      const child = spawn(process.execPath, [tsc, '-p', 'typed'], { cwd: dir });
      let out = '';
      child.stdout.on('data', (text) => (out += text));
      const [code] = (await once(child, 'close')) as [number | null];
      return [code, out];
    };
    assert.deepEqual(await compile(), [0, '']);
    const file = join(dir, 'typed/servers/typed/extension.ts');
    const code = await readFile(file, 'utf8');
    await writeFile(file, code.replace('config.apiKey', 'config.apiKye'));
    assert.match((await compile())[1], /typed\/extension\.ts.*apiKye/);
    const schema = JSON.parse(await readFile(join(dir, 'typed/manifest.schema.json'), 'utf8'));
    assert.equal(schema.properties.apiVersion.const, 1);
  });

  it('points at the place of an error', async () => {
    const file = join(dir, 'ext/servers/my-panel/extension.ts');
    const good = await readFile(file, 'utf8');
    await writeFile(file, `import fs from 'node:fs';\nfs.statSync('/');\n${good}`);
    const { code, err } = await run(['check', 'ext/servers/my-panel']);
    assert.equal(code, 1);
    assert.match(err, /^extension\.ts:1:16: Cannot import Node module "fs": use ctx\.storage/);
    await writeFile(file, good);
  });

  it('starts on an empty folder, prints the token once, installs, calls, and drains on SIGTERM', async () => {
    const env = {
      COFFERDAM_PORT: '0',
      COFFERDAM_DATA_DIR: join(dir, 'data'),
      COFFERDAM_ALLOW_UNJAILED: '1',
    };
    const child = launch(['start'], env);
    const { url, err } = await ready(child);
    while (!err().includes('\n')) await once(child.stderr ?? child, 'data');
    const [, token = ''] = /Admin token, shown this once: (\S+)/.exec(err()) ?? [];
    assert.match(token, /^cfd_[\w-]{43}$/);
    const client = ['--url', url, '--token', token];
    const installed = await run(['install', 'panel.tgz', ...client]);
    assert.equal(installed.code, 0, installed.err);
    const base = `${url}/api/v1/admin/extensions/servers/my-panel`;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    await fetch(`${base}/config`, { method: 'PUT', headers, body: '{"apiKey":"secret-key"}' });
    await fetch(`${base}/enable`, { method: 'POST', headers });
    const called = await run(['call', 'servers/my-panel', 'suspend', '{}', ...client]);
    assert.equal(called.code, 0, called.err);
    assert.equal(JSON.parse(called.out).result.status, 'done');
    const again = await run(['replay', JSON.parse(called.out).callId, ...client]);
    assert.equal(JSON.parse(again.out).result.status, 'done');
    const keyed = ['call', 'servers/my-panel', 'suspend', '{}', '--key', 'once', ...client];
    const [once1, once2] = [await run(keyed), await run(keyed)];
    assert.equal(JSON.parse(once2.out).callId, JSON.parse(once1.out).callId);
    const failing = await run([
      'call',
      'servers/my-panel',
      'create',
      '{"product":{"name":"x"}}',
      ...client,
    ]);
    assert.equal(failing.code, 1);
    assert.match(failing.err, /EXTENSION_FAILED: Creating x is not written yet/);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    assert.equal(code, 0);

    // The second start knows its token and its instances, and says neither again.
    const second = launch(['start'], env);
    const { url: next, err: more } = await ready(second);
    assert.doesNotMatch(more(), /Admin token/);
    const still = await run([
      'call',
      'servers/my-panel',
      'suspend',
      '{}',
      '--url',
      next,
      '--token',
      token,
    ]);
    assert.equal(still.code, 0, still.err);
    second.kill('SIGTERM');
    assert.equal(((await once(second, 'exit')) as [number | null])[0], 0);
  });

  it('finishes a running call before it ends on SIGTERM', async () => {
    const root = join(dir, 'slow');
    await run(['new', 'others/slow', root]);
    await writeFile(
      join(root, 'others/slow/extension.ts'),
      `import { defineOther } from 'cofferdam/sdk';
export default defineOther({ async execute() { await new Promise((done) => setTimeout(done, 700)); return 'finished'; } });`,
    );
    const token = 'cli-test-token-0001';
    const child = launch(['start'], {
      COFFERDAM_PORT: '0',
      COFFERDAM_DATA_DIR: join(dir, 'data2'),
      COFFERDAM_EXTENSIONS: root,
      COFFERDAM_ADMIN_TOKEN: token,
      COFFERDAM_ALLOW_UNJAILED: '1',
    });
    const { url } = await ready(child);
    const headers = { authorization: `Bearer ${token}` };
    const base = `${url}/api/v1/admin/extensions/others/slow`;
    await fetch(`${base}/enable`, { method: 'POST', headers });
    const call = fetch(`${base}/calls/execute`, { method: 'POST', headers });
    // The call is in the records once it runs.
    for (let looks = 0; looks < 500; looks += 1) {
      const list: any = await (
        await fetch(`${url}/api/v1/admin/calls?state=running`, { headers })
      ).json();
      if (list.calls.length > 0) break;
    }
    child.kill('SIGTERM');
    const response = await call;
    assert.deepEqual([response.status, ((await response.json()) as any).result], [200, 'finished']);
    assert.equal(((await once(child, 'exit')) as [number | null])[0], 0);
  });
});
