// Create, call, kill: one cycle after another against a real host process, with a look at it after each.

import { readdir, readFile } from 'node:fs/promises';

import { residentMiB, startAttackHost } from '../attack/host.ts';
import type { AttackHost } from '../attack/host.ts';
import { manifestFor, other } from '../helpers/host.ts';

/** What the host looked like at a time. */
export type Sample = {
  readonly atMs: number;
  readonly residentMiB: number;
  readonly files: number;
  /** Processes below the host: cells, spares and the builder. */
  readonly processes: number;
};

/** What must stay flat: growth in an hour that is still called so, and what it is called. */
export const FLAT = {
  // What a heap does between two full collections.
  residentMiB: { perHour: 256, named: 'MiB resident' },
  files: { perHour: 60, named: 'open files' },
  processes: { perHour: 6, named: 'processes' },
} as const;

/** Growth of one of them in an hour, and whether that is too much. */
export type Growth = {
  readonly named: string;
  readonly from: number;
  readonly to: number;
  readonly perHour: number;
  readonly isFlat: boolean;
};

/**
 * Reads growth out of samples. The first third is warm-up: compiled code and caches still grow. A run under
 * a quarter of an hour sees noise as a steep slope: there it is judged by what it grew in all.
 */
export function readGrowth(samples: readonly Sample[], durationMs: number): readonly Growth[] {
  const settled = samples.slice(Math.floor(samples.length / 3));
  const hours = durationMs / 3_600_000;
  return (['residentMiB', 'files', 'processes'] as const).map((key) => {
    const { perHour: allowed, named } = FLAT[key];
    const perHour = readSlope(settled.map((sample) => [sample.atMs, sample[key]]));
    const grew = perHour * hours * (2 / 3);
    const isFlat = grew <= allowed * Math.max(hours, 1 / 4);
    return {
      ...{ named, perHour, isFlat },
      from: settled[0]?.[key] ?? 0,
      to: settled.at(-1)?.[key] ?? 0,
    };
  });
}

/** How a call of a cycle misbehaves; the last ones end the process of their extension. */
const BODIES: readonly string[] = [
  'return input;',
  "throw new Error('no');",
  "ctx.log.info('x'.repeat(1000)); return ctx.storage.get('a');",
  'for (;;);',
  'const all: any[] = []; for (;;) all.push(new Array(100_000).fill({ x: 1 }));',
];

/** Runs cycles until the time is over. @throws When the host ends or a healthy extension does not answer */
export async function runSoak(
  durationMs: number,
  onSample: (sample: Sample) => void,
): Promise<{ readonly samples: readonly Sample[]; readonly cycles: number }> {
  const host = await startAttackHost({ shipped: false });
  const samples: Sample[] = [];
  const started = performance.now();
  let cycles = 0;
  try {
    for (const [at, body] of BODIES.entries()) {
      await host.write(`others/soak${at}`, 'manifest.json', manifest(at));
      await host.write(`others/soak${at}`, 'extension.ts', other(body));
    }
    while (performance.now() - started < durationMs) {
      await runCycle(host);
      cycles += 1;
      const sample = {
        atMs: performance.now() - started,
        residentMiB: await residentMiB(host.pid),
        files: (await readdir(`/proc/${host.pid}/fd`)).length,
        processes: await countBelow(host.pid),
      };
      samples.push(sample);
      onSample(sample);
    }
  } finally {
    await host.stop();
  }
  return { samples, cycles };
}

async function runCycle(host: AttackHost): Promise<void> {
  for (const [at] of BODIES.entries()) {
    const path = `/extensions/others/soak${at}`;
    const enabled = await host.request('POST', `${path}/enable`);
    if (enabled.status !== 200) throw new Error(`Cannot enable soak${at}: ${enabled.text}`);
    const calls = at < 3 ? 20 : 1;
    for (let call = 0; call < calls; call += 1) {
      const { status, text } = await host.request('POST', `${path}/calls/execute`, {
        input: { call },
        deadlineMs: 3_000,
      });
      if (at === 0 && status !== 200) throw new Error(`soak0 does not answer: ${text}`);
    }
    await host.request('POST', `${path}/disable`);
  }
  const peer = await host.request('POST', '/extensions/others/peer/calls/execute');
  if (peer.status !== 200) throw new Error(`The peer does not answer: ${peer.text}`);
  if (host.exited()) throw new Error('The host ended');
}

/** All processes that descend from one. */
async function countBelow(root: number): Promise<number> {
  const parentOf = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // One that ended meanwhile is nobody's.
    const stat = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    parentOf.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0));
  }
  const isBelow = (pid: number): boolean => {
    for (let at = parentOf.get(pid) ?? 0; at > 0; at = parentOf.get(at) ?? 0) {
      if (at === root) return true;
    }
    return false;
  };
  return [...parentOf.keys()].filter(isBelow).length;
}

function manifest(at: number): string {
  const capabilities = { storage: { quotaBytes: 100_000 } };
  return JSON.stringify(manifestFor(`others/soak${at}`, { capabilities }));
}

/** Least squares over [milliseconds, value]: growth per hour. */
export function readSlope(points: readonly (readonly [number, number])[]): number {
  const mean = (pick: 0 | 1): number =>
    points.reduce((sum, point) => sum + point[pick], 0) / Math.max(1, points.length);
  const [x, y] = [mean(0), mean(1)];
  const above = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  const below = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  return below === 0 ? 0 : (above / below) * 3_600_000;
}
