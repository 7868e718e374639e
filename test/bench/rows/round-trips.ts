// One call to a guest without HTTP in front of it: many in flight, and one after the other.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { Pool } from 'undici';

import { divide, flood, inTurns, median } from '../measure.ts';
import type { Effort, Result } from '../measure.ts';
import { createInProcess } from '../peers/in-process.ts';
import { ECHO_WORKER, startWorkerd } from '../peers/workerd.ts';
import { ECHO, Scope, writeExtension } from '../processes.ts';
import { startSandbox } from '../sandbox.ts';
import { thousands } from './http.ts';

const INPUT = { id: 7, name: 'vps-1', tags: ['a', 'b'] };

/** 64 in flight, against the Directus way and workerd behind a socket. */
export async function roundTripRows({ rounds, scale }: Effort): Promise<Result[]> {
  await using scope = new Scope();
  const sandbox = await startSandbox(await writeExtension(await scope.folder(), 'echo', ECHO));
  scope.defer(() => sandbox.stop());
  const inProcess = await createInProcess();
  const { url } = await startWorkerd(scope, { 'w.js': ECHO_WORKER });
  const pool = new Pool(url, { connections: 64, pipelining: 1 });
  scope.defer(() => pool.close());
  const text = JSON.stringify(INPUT);
  const body = JSON.stringify({ input: INPUT });
  const askWorkerd = async (): Promise<unknown> => {
    const reply = await pool.request({ path: '/', method: 'POST', body });
    return reply.body.json();
  };
  const cpu: number[] = [];
  const rate = (run: () => Promise<unknown>, durationMs = 1_500): Promise<number> =>
    flood(run, { inFlight: 64, durationMs: durationMs * scale });
  const ours = async (): Promise<number> => {
    const before = process.cpuUsage();
    const started = performance.now();
    const perSecond = await rate(() => sandbox.call(text));
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / ((perSecond * (performance.now() - started)) / 1_000));
    return perSecond;
  };
  await rate(() => sandbox.call(text), 3_000);
  await rate(() => inProcess(INPUT), 3_000);
  await rate(askWorkerd, 2_000);
  const taken = await inTurns(rounds, {
    ours,
    inProcess: () => rate(() => inProcess(INPUT)),
    workerd: () => rate(askWorkerd),
  });
  const note = (name: 'inProcess' | 'workerd'): string =>
    `${thousands(taken.ours)} against ${thousands(taken[name])}`;
  return [
    {
      what: 'round trip to a guest, 64 in flight, against isolated-vm used the Directus way',
      unit: '×',
      target: { atLeast: 3 },
      values: divide(taken.ours, taken.inProcess),
      note: note('inProcess'),
    },
    {
      what: 'same, against workerd over a socket',
      unit: '×',
      target: { atLeast: 12 },
      values: divide(taken.ours, taken.workerd),
      note: note('workerd'),
    },
    { what: 'host CPU per call', unit: 'µs', target: { atMost: 4 }, values: cpu },
  ];
}

/** One after the other, against a bare ping-pong of the same bytes between two Node processes. */
export async function sequentialRows({ rounds, scale }: Effort): Promise<Result[]> {
  await using scope = new Scope();
  const sandbox = await startSandbox(await writeExtension(await scope.folder(), 'echo', ECHO));
  scope.defer(() => sandbox.stop());
  const echo = spawn(process.execPath, [join(import.meta.dirname, '../peers/servers/ping.ts')], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  scope.defer(async () => {
    echo.kill('SIGKILL');
    await once(echo, 'exit');
  });
  const pipe = echo.stdio[3] as Socket;
  const bytes = Buffer.alloc(300, 0x20);
  const ping = async (): Promise<void> => {
    pipe.write(bytes);
    await once(pipe, 'data');
  };
  const text = JSON.stringify(INPUT);
  const p50 = async (run: () => Promise<unknown>): Promise<number> => {
    const spans: number[] = [];
    const until = performance.now() + 800 * scale;
    while (performance.now() < until) {
      const started = performance.now();
      await run();
      spans.push(performance.now() - started);
    }
    return median(spans) * 1_000;
  };
  await p50(() => sandbox.call(text));
  await p50(ping);
  const taken = await inTurns(rounds, {
    ours: () => p50(() => sandbox.call(text)),
    bare: () => p50(ping),
  });
  return [
    {
      what: 'sequential round trip p50, against a bare socket ping-pong between two processes',
      unit: '×',
      target: { atMost: 1.5 },
      values: divide(taken.ours, taken.bare),
      note: `${median(taken.ours).toFixed(0)} µs against ${median(taken.bare).toFixed(0)} µs`,
    },
  ];
}
