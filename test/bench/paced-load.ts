// The load generator of pace.ts. Arguments: url, token, requests per second, milliseconds.

import { Pool } from 'undici';

import { quantile } from './measure.ts';

const [url = '', token = '', perSecond = '200', durationMs = '3000'] = process.argv.slice(2);
const { origin, pathname: path } = new URL(url);
const pool = new Pool(origin, { connections: 32 });
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const latencies: number[] = [];
const asked: Promise<void>[] = [];
const gapMs = 1_000 / Number(perSecond);
const warmUp = 40;
const started = performance.now();

async function ask(sentMs: number, counts: boolean): Promise<void> {
  const reply = await pool.request({ path, method: 'POST', headers, body: '{"input":{"id":7}}' });
  const text = await reply.body.text();
  if (reply.statusCode !== 200) throw new Error(text);
  if (counts) latencies.push(performance.now() - sentMs);
}

for (let at = 0; ; at += 1) {
  const dueMs = started + at * gapMs;
  if (dueMs - started > Number(durationMs)) break;
  const waitMs = dueMs - performance.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  // From when it leaves: how late this process's own timers are is not what is measured. Nothing waits
  // for an answer here, so a stall of the host is seen by all that are sent during it.
  asked.push(ask(performance.now(), at >= warmUp));
}
await Promise.all(asked);
await pool.close();
const result = { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
process.stdout.write(`${JSON.stringify(result)}\n`);
