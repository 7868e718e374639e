// `cofferdam doctor`: tries every promise of the sandbox on this machine and says which hold.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readKernelPowers } from '../jail/kernel.ts';
import type { KernelPowers } from '../jail/kernel.ts';
import { probeWalls } from '../jail/walls.ts';
import type { Wall } from '../jail/walls.ts';
import { createLog } from '../log.ts';
import { runHost } from '../main.ts';
import { parseSettings } from '../settings.ts';
import { readArgs } from './usage.ts';
import type { Command } from './usage.ts';

/** What an extension tries, and what must come of it. */
const PROMISES: readonly { promise: string; body: string; code: RegExp; layer: string }[] = [
  { promise: 'loop for ever', body: 'for (;;);', code: /CPU/, layer: 'isolate timeout' },
  {
    promise: 'loop for ever after an await',
    body: 'await null; for (;;);',
    code: /CPU/,
    layer: 'isolate timeout',
  },
  {
    promise: 'block in a native that cannot be stopped',
    body: 'let n = 7n ** 3000000n; for (let i = 0; i < 20; i += 1) n *= n;',
    code: /CRASHED|CPU|MEMORY/,
    layer: 'watchdog, SIGKILL',
  },
  {
    promise: 'fill the memory',
    body: 'const all = []; for (;;) all.push(new Array(100000).fill(1.5));',
    code: /MEMORY|CPU|CRASHED/,
    layer: 'heap limit, resident memory',
  },
  {
    promise: 'fill memory that no heap limit counts',
    body: 'const all = []; for (;;) all.push(new Intl.NumberFormat("de"), new Uint8Array(1e6).fill(1));',
    code: /MEMORY|CPU|CRASHED|THREW/,
    layer: 'isolate timeout, resident memory',
  },
  {
    promise: 'flood its own queue of microtasks',
    body: 'const again = () => Promise.resolve().then(again); await again();',
    code: /MEMORY|CPU/,
    layer: 'isolate timeout',
  },
  {
    promise: 'flood the host with messages',
    body: "for (;;) console.log('x'.repeat(10000));",
    code: /QUOTA|CPU|THREW/,
    layer: 'quota per turn',
  },
  {
    promise: 'never answer',
    body: 'await new Promise(() => {});',
    code: /TIMED_OUT/,
    layer: 'deadline',
  },
  {
    promise: 'fetch a host nobody granted',
    body: "await fetch('https://example.com/');",
    code: /GRANT_NEEDED|EGRESS_DENIED/,
    layer: 'broker',
  },
];

export const doctor: Command = {
  usage: 'doctor [--json]',
  summary: 'Try every promise of the sandbox on this machine',
  details:
    'Exit code 1 when one does not hold. Takes some seconds; touches nothing but a temporary folder.',
  async run(args) {
    const { values } = readArgs(args, { options: { json: { type: 'boolean' } }, positionals: [] });
    const walls = await examineMachine(readKernelPowers());
    if (values['json'] === true) process.stdout.write(`${JSON.stringify(walls, undefined, 2)}\n`);
    else print(walls);
    return walls.every(isKept) ? 0 : 1;
  },
};

/** Tries everything on this machine, as if its kernel had these powers. */
export async function examineMachine(kernel: KernelPowers): Promise<readonly Finding[]> {
  return [...(await probeWalls(kernel)), ...(await probePromises(kernel))];
}

/** A wall, or one more that some machines have: its absence is said, and is no failure. */
export type Finding = Wall & { readonly optional?: true };

async function probePromises(kernel: KernelPowers): Promise<Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'cofferdam-doctor-'));
  const token = 'doctor-token-of-one-run';
  for (const [at, { body }] of PROMISES.entries()) {
    const extension = join(folder, `extensions/others/p${at}`);
    await mkdir(extension, { recursive: true });
    await writeFile(join(extension, 'manifest.json'), JSON.stringify(manifest(`p${at}`)));
    const code = `import { defineOther } from 'cofferdam/sdk';\nexport default defineOther({ async execute() { ${body} return null; } });\n`;
    await writeFile(join(extension, 'extension.ts'), code);
  }
  const settings = parseSettings({
    COFFERDAM_PORT: '0',
    COFFERDAM_DATA_DIR: join(folder, 'data'),
    COFFERDAM_EXTENSIONS: join(folder, 'extensions'),
    COFFERDAM_ADMIN_TOKEN: token,
    COFFERDAM_ALLOW_UNJAILED: '1',
  });
  const running = await runHost(settings, { log: createLog('silent'), kernel });
  try {
    const walls: Wall[] = [];
    for (const [at, { promise, code, layer }] of PROMISES.entries()) {
      const base = `${running.url}/api/v1/admin/extensions/others/p${at}`;
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      await fetch(`${base}/enable`, { method: 'POST', headers });
      const response = await fetch(`${base}/calls/execute`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ deadlineMs: 3_000 }),
      });
      const answer = (await response.json()) as { code?: string };
      const held = code.test(answer.code ?? '');
      walls.push({ promise, held, layer: held ? layer : `none: ${answer.code ?? 'it came off'}` });
    }
    return [...walls, await readGroups(running.url)];
  } finally {
    await running.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a running host says of the bounds that the kernel may put around each child. */
async function readGroups(url: string): Promise<Finding> {
  const { checks } = (await (await fetch(`${url}/readyz`)).json()) as {
    checks: { cgroup: string };
  };
  const held = checks.cgroup === 'held';
  return {
    promise: 'outgrow memory, threads, CPU share at once',
    held,
    layer: held ? 'cgroup v2' : checks.cgroup,
    optional: true,
  };
}

function manifest(name: string): object {
  const about = { description: 'A probe', version: '1.0.0', author: 'doctor', license: 'MIT' };
  return { apiVersion: 1, name, ...about, category: 'others' };
}

function isKept({ held, optional }: Finding): boolean {
  return held || optional === true;
}

function print(walls: readonly Finding[]): void {
  process.stdout.write('An extension, or a cell that it has taken over, cannot …\n\n');
  for (const wall of walls) {
    const { promise, held, layer } = wall;
    const word = held ? 'held    ' : isKept(wall) ? 'absent  ' : 'NOT HELD';
    process.stdout.write(`  ${word}  ${promise.padEnd(42)} ${layer}\n`);
  }
  const open = walls.filter((wall) => !isKept(wall)).length;
  const verdict =
    open === 0 ? 'Every promise holds here' : `${open} of ${walls.length} do not hold here`;
  process.stdout.write(`\n${verdict}\n`);
}
