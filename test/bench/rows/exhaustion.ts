// p99 of a quiet extension while each case of the exhaustion corpus runs, against nobody attacking just
// before. Needs the corpus beside the project.

import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { writeCase } from '../../attack/guest-cases.ts';
import type { GuestCase } from '../../attack/guest-cases.ts';
import type { Effort, Result } from '../measure.ts';
import { pace } from '../pace.ts';
import { CALL_PATH, ECHO, Scope, startHost, writeExtension } from '../processes.ts';

const CORPUS = join(import.meta.dirname, '../../../../shared/attacks/exhaustion.json');

const BETWEEN_CALLS_MS = 250;

/** Every case: called over and over for as long as the quiet one is asked. */
export async function exhaustionRows({ scale }: Effort): Promise<Result[]> {
  if (!existsSync(CORPUS)) {
    process.stdout.write(`skipped: ${CORPUS} is absent\n`);
    return [];
  }
  const { cases } = JSON.parse(await readFile(CORPUS, 'utf8')) as { cases: GuestCase[] };
  await using scope = new Scope();
  const dir = await scope.folder();
  const root = join(dir, 'extensions');
  await writeExtension(root, 'echo', ECHO);
  const write = async (extension: string, file: string, text: string): Promise<void> => {
    const path = join(root, extension, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  for (const attack of cases) await writeCase(write, attack);
  const host = await startHost(scope, dir);
  const { status, text } = await host.request('POST', '/extensions/others/echo/enable');
  if (status !== 200) throw new Error(text);
  const measure = (): Promise<{ p99: number }> =>
    pace(host.url + CALL_PATH, { perSecond: 200, durationMs: Math.max(1_500, 4_000 * scale) });
  await measure();
  const taken: { id: string; ratio: number; p99: number }[] = [];
  for (const { id } of cases) {
    const path = `/extensions/others/${id.toLowerCase()}`;
    await host.request('POST', `${path}/enable`);
    const quiet = await measure();
    let over = false;
    const attack = async (): Promise<void> => {
      // One that is at rest is not forgiven: that takes an admin.
      while (!over) {
        const { text: reply } = await host.request('POST', `${path}/calls/execute`, {
          deadlineMs: 3_000,
        });
        if (reply.includes('EXTENSION_QUARANTINED') || reply.includes('CALLER_NOT_RUNNING')) return;
        // Some fail at once here: not the calls are the attack.
        await setTimeout(BETWEEN_CALLS_MS);
      }
    };
    const attacking = attack();
    const attacked = await measure();
    over = true;
    await attacking;
    await host.request('POST', `${path}/disable`);
    taken.push({ id, ratio: attacked.p99 / quiet.p99, p99: attacked.p99 });
  }
  const worst = taken.toSorted((a, b) => b.ratio - a.ratio).slice(0, 5);
  return [
    {
      what: `p99 of a quiet extension while a case of the exhaustion corpus runs, against nobody attacking (${cases.length} cases)`,
      unit: '×',
      target: { atMost: 1.5 },
      values: taken.map(({ ratio }) => ratio),
      note: `the worst: ${worst.map(({ id, ratio }) => `${id} ${ratio.toFixed(1)}`).join(', ')}`,
    },
    {
      what: 'same, as it is',
      unit: 'ms',
      target: { atMost: 5 },
      values: taken.map(({ p99 }) => p99),
    },
  ];
}
