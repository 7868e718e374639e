// p99 of a quiet extension while another one attacks, against the same with nobody attacking.

import { divide, median } from '../measure.ts';
import type { Effort, Result } from '../measure.ts';
import { CALL_PATH, Scope, startHost, writeExtension, ECHO } from '../processes.ts';
import type { BenchHost } from '../processes.ts';
import { pace } from '../pace.ts';

/** What a hostile extension does with one call. */
const ATTACKS: Readonly<Record<string, string>> = {
  spins: 'for (;;);',
  'spins after an await': 'await null; for (;;);',
  'blocks in a native': 'let n = 7n ** 3000000n; for (let i = 0; i < 20; i += 1) n *= n;',
  'fills the memory': 'const all = []; for (;;) all.push(new Array(100000).fill({ x: 1 }));',
  'floods the log': "for (;;) console.log('x'.repeat(10000));",
};

/** Quiet and attacked in turns, for every attack; the worst one is the row. */
export async function neighbourRows({ rounds, scale }: Effort): Promise<Result[]> {
  await using scope = new Scope();
  const dir = await scope.folder();
  const root = `${dir}/extensions`;
  await writeExtension(root, 'echo', ECHO);
  const names = Object.keys(ATTACKS);
  for (const [at, name] of names.entries()) {
    const code = `import { defineOther } from 'cofferdam/sdk';\nexport default defineOther({ async execute() { ${ATTACKS[name]} return null; } });\n`;
    await writeExtension(root, `attack${at}`, code);
  }
  const host = await startHost(scope, dir);
  await enable(host, 'echo');
  const measure = (): Promise<{ p99: number }> =>
    pace(host.url + CALL_PATH, { perSecond: 200, durationMs: 3_000 * scale });
  await measure();
  const results: { name: string; ratios: number[]; p99: number[] }[] = [];
  for (const [at, name] of names.entries()) {
    await enable(host, `attack${at}`);
    const quiet: number[] = [];
    const attacked: number[] = [];
    for (let round = 0; round < Math.max(3, rounds - 2); round += 1) {
      quiet.push((await measure()).p99);
      const attack = startAttack(host, `attack${at}`);
      attacked.push((await measure()).p99);
      await attack.stop();
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    results.push({ name, ratios: divide(attacked, quiet), p99: attacked });
    await host.request('POST', `/extensions/others/attack${at}/disable`);
  }
  const [worst] = results.toSorted((a, b) => median(b.ratios) - median(a.ratios));
  if (worst === undefined) return [];
  const all = results.map(({ name, ratios }) => `${name} ${median(ratios).toFixed(2)}`).join(', ');
  return [
    {
      what: 'p99 of a quiet extension while another attacks, against nobody attacking (the worst of five attacks)',
      unit: '×',
      target: { atMost: 2 },
      values: worst.ratios,
      note: all,
    },
    {
      what: 'same, as it is',
      unit: 'ms',
      target: { atMost: 5 },
      values: worst.p99,
      note: worst.name,
    },
  ];
}

async function enable(host: BenchHost, name: string): Promise<void> {
  const { status, text } = await host.request('POST', `/extensions/others/${name}/enable`);
  if (status !== 200) throw new Error(text);
}

/** Calls again and again, and forgives every rest: an attacker that never gets tired. */
function startAttack(host: BenchHost, name: string): { stop(): Promise<void> } {
  let stopped = false;
  const path = `/extensions/others/${name}`;
  const run = async (): Promise<void> => {
    while (!stopped) {
      const { text } = await host.request('POST', `${path}/calls/execute`, { deadlineMs: 3_000 });
      if (text.includes('EXTENSION_QUARANTINED')) await host.request('POST', `${path}/restart`);
    }
  };
  const running = run();
  return {
    stop() {
      stopped = true;
      return running;
    },
  };
}
