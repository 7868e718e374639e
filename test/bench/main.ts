// `npm run bench`: ratios against peers, measured in turns in one run. Absolute numbers depend on the
// machine and mean little; every ratio is the median over rounds, with its spread.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createInProcess } from './in-process.ts';
import { startSandbox } from './sandbox.ts';

const ROUNDS = Number(process.argv[2] ?? 5);
const TOKEN = 'bench-admin-token-0001';
const ECHO = `import { defineOther } from 'cofferdam/sdk';
export default defineOther({ async execute(input) { return { echo: input }; } });
`;
const MANIFEST = {
  apiVersion: 1,
  name: 'Echo',
  description: 'Gives back what it gets',
  version: '1.0.0',
  author: 'Bench',
  license: 'MIT',
  category: 'others',
};

type Row = {
  readonly what: string;
  readonly target: string;
  readonly ratios: readonly number[];
  readonly note: string;
};

const dir = await mkdtemp(join(tmpdir(), 'cofferdam-bench-'));
const children: ChildProcess[] = [];
try {
  const folder = join(dir, 'extensions/others/echo');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(MANIFEST));
  await writeFile(join(folder, 'extension.ts'), ECHO);
  const rows = [...(await httpRows()), ...(await roundTripRows(folder))];
  print(rows);
} finally {
  for (const child of children) child.kill('SIGTERM');
  await rm(dir, { recursive: true, force: true });
}

/** HTTP → handler → HTTP, 64 in flight, against the same route without a sandbox and in process. */
async function httpRows(): Promise<Row[]> {
  const host = await startHost();
  const plain = await startServer('plain.ts');
  const inProcess = await startServer('in-process.ts');
  // Enough for the optimising compiler to have seen every path.
  for (const url of [host, plain, inProcess]) await load(url, 4_000);
  const results = { host: [] as number[], plain: [] as number[], inProcess: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    results.host.push(await load(host, 2_000));
    results.plain.push(await load(plain, 2_000));
    results.inProcess.push(await load(inProcess, 2_000));
  }
  const note = `${thousands(results.host)} requests/s`;
  return [
    {
      what: 'HTTP → sandbox → HTTP, against plain fastify',
      target: '≥ 0.90',
      ratios: divide(results.host, results.plain),
      note,
    },
    {
      what: 'same, against isolated-vm in process (Directus)',
      target: '≥ 2',
      ratios: divide(results.host, results.inProcess),
      note,
    },
  ];
}

/** One call to a guest without HTTP, 64 in flight. */
async function roundTripRows(folder: string): Promise<Row[]> {
  const sandbox = await startSandbox(folder);
  const inProcess = await createInProcess();
  const input = { id: 7, name: 'vps-1', tags: ['a', 'b'] };
  const text = JSON.stringify(input);
  await flood(() => sandbox.call(text), 3_000);
  await flood(() => inProcess(input), 3_000);
  const ours: number[] = [];
  const theirs: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = process.cpuUsage();
    const rate = await flood(() => sandbox.call(text), 1_500);
    const spent = process.cpuUsage(before);
    ours.push(rate);
    cpu.push((spent.user + spent.system) / (rate * 1.5));
    theirs.push(await flood(() => inProcess(input), 1_500));
  }
  await sandbox.stop();
  return [
    {
      what: 'round trip to a guest, against isolated-vm in process (Directus)',
      target: '≥ 3',
      ratios: divide(ours, theirs),
      note: `${thousands(ours)} calls/s`,
    },
    { what: 'host CPU per call, µs', target: '≤ 4', ratios: cpu, note: '' },
  ];
}

/** Calls per second with 64 in flight. */
async function flood(run: () => Promise<unknown>, durationMs: number): Promise<number> {
  let count = 0;
  const started = performance.now();
  const loops = Array.from({ length: 64 }, async () => {
    while (performance.now() - started < durationMs) {
      await run();
      count += 1;
    }
  });
  await Promise.all(loops);
  return count / ((performance.now() - started) / 1_000);
}

async function load(url: string, durationMs: number): Promise<number> {
  const path = '/api/v1/admin/extensions/others/echo/calls/execute';
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'load.ts'), url + path, TOKEN, '64', String(durationMs)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  await once(child, 'close');
  const { rps, failed } = JSON.parse(text) as { rps: number; failed: number };
  if (failed > 0) throw new Error(`${failed} requests to ${url} failed`);
  return rps;
}

async function startHost(): Promise<string> {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, '../../host/cli/main.ts'),
      'start',
    ],
    {
      env: {
        COFFERDAM_PORT: '0',
        COFFERDAM_DATA_DIR: join(dir, 'data'),
        COFFERDAM_EXTENSIONS: join(dir, 'extensions'),
        COFFERDAM_ADMIN_TOKEN: TOKEN,
        COFFERDAM_LOG_LEVEL: 'warn',
        COFFERDAM_ALLOW_UNJAILED: '1',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  children.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { url } = JSON.parse(String(line)) as { url: string };
  const response = await fetch(`${url}/api/v1/admin/extensions/others/echo/enable`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  if (!response.ok) throw new Error(await response.text());
  return url;
}

async function startServer(file: string): Promise<string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'servers', file)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return String(line).trim();
}

function divide(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, at) => value / (theirs[at] ?? Number.NaN));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function thousands(values: readonly number[]): string {
  return `${(median(values) / 1_000).toFixed(1)} k`;
}

function print(rows: readonly Row[]): void {
  for (const { what, target, ratios, note } of rows) {
    const spread = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    process.stdout.write(
      `${what.padEnd(68)} ${median(ratios).toFixed(2).padStart(6)}  [${spread}]  target ${target}  ${note}\n`,
    );
  }
  process.stdout.write(
    'workerd and miniflare are not dependencies of this project: not compared here\n',
  );
}
