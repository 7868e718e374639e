// From a bundle that is known to the first answer of a new isolate, against workerd's loader doing the same.

import { divide, inTurns, median, timed } from '../measure.ts';
import type { Effort, Result } from '../measure.ts';
import { bundleHeavyWorker, ECHO_WORKER, LOADER_WORKER, startWorkerd } from '../peers/workerd.ts';
import { ECHO, HEAVY, Scope, writeExtension } from '../processes.ts';
import { startSandbox } from '../sandbox.ts';

const STARTS = 8;

/** Each value is the median of some starts: one start is too short to be measured alone. */
export async function coldStartRows({ rounds }: Effort): Promise<Result[]> {
  await using scope = new Scope();
  const dir = await scope.folder();
  const trivial = await startSandbox(await writeExtension(dir, 'echo', ECHO));
  scope.defer(() => trivial.stop());
  const heavy = await startSandbox(await writeExtension(dir, 'heavy', HEAVY));
  scope.defer(() => heavy.stop());
  const { url } = await startWorkerd(
    scope,
    { 'w.js': LOADER_WORKER, 'trivial.txt': ECHO_WORKER, 'heavy.txt': await bundleHeavyWorker() },
    { loader: true },
  );
  let id = 0;
  const load = async (which: string): Promise<unknown> => {
    id += 1;
    const reply = await fetch(`${url}/?which=${which}&id=${id}`, { method: 'POST', body: '{}' });
    if (!reply.ok) throw new Error(await reply.text());
    return reply.json();
  };
  const typical = async (run: () => Promise<unknown>): Promise<number> => {
    const spans: number[] = [];
    for (let at = 0; at < STARTS; at += 1) {
      spans.push(await timed(run));
      // The cell makes its next isolate only now, as it does between two starts in a host.
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return median(spans);
  };
  const sides = {
    trivial: () => typical(() => trivial.startFresh('null')),
    workerdTrivial: () => typical(() => load('trivial')),
    heavy: () => typical(() => heavy.startFresh('null')),
    workerdHeavy: () => typical(() => load('heavy')),
  };
  for (const side of Object.values(sides)) await side();
  const taken = await inTurns(rounds, sides);
  const row = (
    what: string,
    atMost: number,
    [ours, theirs]: readonly [readonly number[], readonly number[]],
  ): Result => ({
    what: `cold start to the first answer, ${what}, against workerd's dynamic loader`,
    unit: '×',
    target: { atMost },
    values: divide(ours, theirs),
    note: `${median(ours).toFixed(1)} ms against ${median(theirs).toFixed(1)} ms`,
  });
  return [
    row('trivial', 0.55, [taken.trivial, taken.workerdTrivial]),
    row('250 KB extension', 0.4, [taken.heavy, taken.workerdHeavy]),
  ];
}
