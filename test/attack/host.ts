// A real host process for the attack driver, with a peer extension and canaries that must never show.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { TEST_ROOT } from '../helpers/folder.ts';
import { SHIPPED_ROOT } from '../../host/product.ts';
import { compileCache } from '../helpers/host-process.ts';
import { manifestFor } from '../helpers/host.ts';

/** Strings that no reply, log or bundle may hold. */
export const CANARIES = {
  env: 'CANARY-ENV-51d0c2',
  secret: 'CANARY-SECRET-9b8e77',
  file: 'CANARY-FILE-3fa1d4',
} as const;

const TOKEN = 'attack-admin-token-01';

/** The host under attack. */
export type AttackHost = {
  readonly url: string;
  /** Of an admin */
  readonly token: string;
  readonly dir: string;
  readonly root: string;
  readonly pid: number;
  /** Everything the host has written so far. */
  readonly output: () => string;
  readonly exited: () => boolean;
  request(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }>;
  upload(archive: Uint8Array): Promise<{ status: number; text: string }>;
  write(extension: string, file: string, text: string): Promise<void>;
  stop(): Promise<void>;
};

/** Starts it and enables the peer; with the shipped extensions beside those of the attack, or without. */
export async function startAttackHost({ shipped }: { shipped: boolean }): Promise<AttackHost> {
  const dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-attack-'));
  const root = join(dir, 'extensions');
  const write: AttackHost['write'] = async (extension, file, text) => {
    const path = join(root, extension, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  await mkdir(root);
  await writeFile(join(dir, 'canary.txt'), CANARIES.file);
  await write('others/peer', 'manifest.json', JSON.stringify(manifestFor('others/peer')));
  await write('others/peer', 'extension.ts', PEER);
  if (shipped) {
    const hangs = manifestFor('gateways/hangs', { capabilities: { webhook: true } });
    await write('gateways/hangs', 'manifest.json', JSON.stringify(hangs));
    await write('gateways/hangs', 'extension.ts', HANGS);
    await write('others/sleeper', 'manifest.json', JSON.stringify(manifestFor('others/sleeper')));
    await write('others/sleeper', 'extension.ts', SLEEPER);
  }
  const main = join(import.meta.dirname, '../../host/cli/main.ts');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'start'], {
    env: {
      COFFERDAM_PORT: '0',
      COFFERDAM_DATA_DIR: join(dir, 'data'),
      COFFERDAM_EXTENSIONS: shipped ? `${SHIPPED_ROOT}:${root}` : root,
      COFFERDAM_ADMIN_TOKEN: TOKEN,
      COFFERDAM_ALLOW_UNJAILED: '1',
      COFFERDAM_LOG_LEVEL: 'debug',
      CANARY: CANARIES.env,
      ...compileCache(),
    },
  });
  let output = '';
  let exited = false;
  child.once('exit', () => (exited = true));
  const url = await new Promise<string>((resolve, reject) => {
    const take = (bytes: Buffer): void => {
      output = (output + bytes.toString()).slice(-2_000_000);
      const line = output.split('\n').find((each) => /"msg":"ready".*\}$/.test(each));
      if (line !== undefined) resolve((JSON.parse(line) as { url: string }).url);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('exit', () => reject(new Error(`The host ended: ${output}`)));
  });
  const send = async (
    method: string,
    path: string,
    body: string | FormData | null,
    headers: object,
  ): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${url}/api/v1/admin${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      body,
    });
    return { status: response.status, text: await response.text() };
  };
  const host: AttackHost = {
    url,
    token: TOKEN,
    dir,
    root,
    pid: child.pid ?? 0,
    output: () => output,
    exited: () => exited,
    write,
    request: (method, path, body) =>
      send(
        method,
        path,
        body === undefined ? null : JSON.stringify(body),
        body === undefined ? {} : { 'content-type': 'application/json' },
      ),
    upload(archive) {
      const form = new FormData();
      form.append('archive', new Blob([new Uint8Array(archive)]), 'case.tgz');
      return send('POST', '/extensions', form, {});
    },
    async stop() {
      child.kill('SIGTERM');
      if (!exited) await once(child, 'exit');
      await rm(dir, { recursive: true, force: true });
    },
  };
  await host.request('PUT', '/extensions/others/peer/config', { secret: CANARIES.secret });
  const enabled = await host.request('POST', '/extensions/others/peer/enable');
  if (enabled.status !== 200) throw new Error(enabled.text);
  await host.request('POST', '/extensions/others/peer/calls/execute');
  return host;
}

const PEER = `import { defineOther, secret, z } from 'cofferdam/sdk';
let calls = 0;
export default defineOther({
  config: z.object({ secret: secret({ label: 'Secret' }) }),
  async execute() { calls += 1; return { pong: calls }; },
});
`;

const HANGS = `import { defineGateway } from 'cofferdam/sdk';
const never = () => new Promise<never>(() => undefined);
export default defineGateway({ pay: never, webhook: never, canUse: never });
`;

const SLEEPER = `import { defineOther } from 'cofferdam/sdk';
for (;;);
export default defineOther({ async execute() {} });
`;

/** Resident memory of the host process, MiB. */
export async function residentMiB(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/statm`, 'latin1').catch(() => '0 0');
  return (Number(text.split(' ')[1]) * 4_096) / 2 ** 20;
}
