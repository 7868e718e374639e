// `cofferdam dev --report` as an author uses it: what would be refused is listed and goes out all the same;
// what nothing may allow stays refused; and no other command knows the flag.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';

import { TEST_ROOT } from '../helpers/folder.ts';
import { manifestFor } from '../helpers/host.ts';

const LAUNCH = join(import.meta.dirname, '../../host/cli/launch.js');
const TOKEN = 'report-admin-token-0001';
const EXTENSION = `import { defineOther } from 'cofferdam/sdk';
export default defineOther({
  async execute(url, { fetch }) {
    try { return (await fetch(url)).status; } catch (error) { return error.details?.rule ?? error.code; }
  },
});
`;

/** What one run of a host answered and printed. */
type Ran = { readonly answers: readonly unknown[]; readonly lines: readonly string[] };

describe('dev --report', { timeout: 120_000 }, () => {
  let dir = '';
  let seen = 0;
  const server = createServer((request, response) => {
    seen += 1;
    request.resume().on('end', () => response.end('ok'));
  });
  let target = '';
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    target = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-report-'));
    const asks = { capabilities: { fetch: { hosts: ['api.example.com'] } } };
    for (const [name, more] of [
      ['others/asks', asks],
      ['others/mute', {}],
    ] as const) {
      await mkdir(join(dir, 'ext', name), { recursive: true });
      const manifest = JSON.stringify(manifestFor(name, more));
      await writeFile(join(dir, 'ext', name, 'manifest.json'), manifest);
      await writeFile(join(dir, 'ext', name, 'extension.ts'), EXTENSION);
    }
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await rm(dir, { recursive: true, force: true });
  });

  const launch = (args: readonly string[]): ReturnType<typeof spawn> =>
    spawn(process.execPath, [LAUNCH, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        COFFERDAM_PORT: '0',
        COFFERDAM_DATA_DIR: join(dir, `data-${args.join('')}`),
        COFFERDAM_EXTENSIONS: join(dir, 'ext'),
        COFFERDAM_ADMIN_TOKEN: TOKEN,
      },
    });

  /** Runs a host, has both extensions ask for the addresses, and ends it. `self`: the host's own address. */
  const run = async (
    args: readonly string[],
    addresses: (self: string) => readonly string[],
  ): Promise<Ran> => {
    const child = launch(args);
    const lines: string[] = [];
    const ended = once(child, 'exit');
    assert.ok(child.stdout);
    child.stderr?.resume();
    const output = createInterface({ input: child.stdout });
    output.on('line', (line) => void lines.push(line));
    try {
      let url = '';
      while (url === '') {
        const [line] = (await once(output, 'line')) as [string];
        if (line.includes('"msg":"ready"')) url = JSON.parse(line).url;
      }
      const post = async (path: string, body?: object): Promise<any> => {
        const reply = await fetch(`${url}/api/v1/admin/extensions/${path}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
          body: JSON.stringify(body ?? {}),
        });
        return reply.json();
      };
      const answers: unknown[] = [];
      for (const name of ['others/asks', 'others/mute']) {
        await post(`${name}/enable`);
        for (const input of addresses(url)) {
          answers.push((await post(`${name}/calls/execute`, { input })).result);
        }
      }
      return { answers, lines };
    } finally {
      child.kill('SIGTERM');
      assert.deepEqual(await ended, [0, null]);
    }
  };

  it('lets out what a manifest or grant could allow, and lists each rule in the terminal', async () => {
    const { answers, lines } = await run(['dev', '--report'], () => [target]);
    assert.deepEqual(answers, [200, 200]);
    assert.equal(seen, 2);
    for (const instance of ['others/asks/default', 'others/mute/default']) {
      const told = lines.filter((line) => line.startsWith(`${instance} warn: Would be refused: `));
      assert.equal(told.length, 3, told.join('\n'));
      assert.ok(told.some((line) => line.includes('capabilities.fetch.hosts: ')));
      assert.ok(told.some((line) => line.includes('grants.lan')));
    }
  });

  it('refuses what nothing may allow: the host itself, and where clouds keep credentials', async () => {
    const { answers } = await run(['dev', '--report'], (self) => [
      `${self}/healthz`,
      'http://169.254.169.254/latest/meta-data/',
    ]);
    const rules = ['own-listener', 'metadata-address'];
    assert.deepEqual(answers, [...rules, ...rules]);
  });

  it('without the flag lets nothing out, and lists nothing', async () => {
    const before = seen;
    const { answers, lines } = await run(['dev'], () => [target]);
    assert.deepEqual(answers, ['plain-http', 'CALLER_GRANT_NEEDED']);
    assert.equal(seen, before);
    assert.deepEqual(
      lines.filter((line) => line.includes('Would be refused')),
      [],
    );
  });

  it('is a flag of no other command', async () => {
    for (const command of ['start', 'test']) {
      const child = launch([command, '--report']);
      let err = '';
      child.stderr?.on('data', (text) => (err += text));
      assert.deepEqual(await once(child, 'close'), [2, null], command);
      assert.match(err, /--report/);
    }
  });
});
