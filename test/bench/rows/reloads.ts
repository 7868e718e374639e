// A hundred saves while calls keep coming: how many of them fail.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Effort, Result } from '../measure.ts';
import { CALL_PATH, Scope, startEchoHost, TOKEN } from '../processes.ts';

const IN_FLIGHT = 8;

/** Every answer must be a result; every version must have been seen in the end. */
export async function reloadRows({ scale }: Effort): Promise<Result[]> {
  const reloads = Math.ceil(100 * scale);
  await using scope = new Scope();
  const text = (version: number): string =>
    `import { defineOther } from 'cofferdam/sdk';\nexport default defineOther({ async execute() { await new Promise((r) => setTimeout(r, 2)); return ${version}; } });\n`;
  const { url, folder } = await startEchoHost(scope, text(0), { COFFERDAM_WATCH: '1' });
  const file = join(folder, 'extension.ts');
  let seen = 0;
  let calls = 0;
  let failed = 0;
  let stopped = false;
  const ask = async (): Promise<void> => {
    const response = await fetch(url + CALL_PATH, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: '{}',
    });
    const reply = (await response.json()) as { result?: number };
    calls += 1;
    if (reply.result === undefined) failed += 1;
    else seen = Math.max(seen, reply.result);
  };
  const loops = Array.from({ length: IN_FLIGHT }, async () => {
    while (!stopped) await ask();
  });
  for (let version = 1; version <= reloads; version += 1) {
    await writeFile(file, text(version));
    const until = performance.now() + 20_000;
    while (seen < version) {
      if (performance.now() > until) throw new Error(`Version ${version} never answered`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  stopped = true;
  await Promise.all(loops);
  return [
    {
      what: `failed calls during ${reloads} reloads under load`,
      unit: '',
      target: { atMost: 0 },
      values: [failed],
      note: `of ${calls} calls`,
    },
  ];
}
