// The load generator: a process of its own that keeps a number of POSTs in flight and counts answers.
// Arguments: url, token, requests in flight, milliseconds. Prints one line of JSON.

import { Pool } from 'undici';

const [url = '', token = '', inFlight = '64', durationMs = '2000'] = process.argv.slice(2);
const target = new URL(url);
const pool = new Pool(target.origin, { connections: Number(inFlight), pipelining: 1 });
const body = JSON.stringify({ input: { id: 7, name: 'vps-1', tags: ['a', 'b'] } });
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const latencies: number[] = [];
let failed = 0;

async function once(): Promise<void> {
  const started = performance.now();
  const { statusCode, body: answer } = await pool.request({
    path: target.pathname,
    method: 'POST',
    headers,
    body,
  });
  await answer.text();
  latencies.push(performance.now() - started);
  if (statusCode !== 200) failed += 1;
}

async function run(untilMs: number): Promise<void> {
  const loops = Array.from({ length: Number(inFlight) }, async () => {
    while (performance.now() < untilMs) await once();
  });
  await Promise.all(loops);
}

await run(performance.now() + 500);
latencies.length = 0;
failed = 0;
const started = performance.now();
await run(started + Number(durationMs));
const seconds = (performance.now() - started) / 1_000;
const sorted = Float64Array.from(latencies).sort();
const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
process.stdout.write(
  `${JSON.stringify({ rps: sorted.length / seconds, p50: at(0.5), p99: at(0.99), failed })}\n`,
);
await pool.close();
