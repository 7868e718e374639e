// The load generator: a process of its own that keeps a number of POSTs in flight over raw sockets, so
// that it takes little of the machine from what it measures.
// Arguments: url, token, requests in flight, milliseconds. Prints one line of JSON.

import { connect } from 'node:net';
import type { Socket } from 'node:net';

const [url = '', token = '', inFlight = '64', durationMs = '2000'] = process.argv.slice(2);
const target = new URL(url);
const body = JSON.stringify({ input: { id: 7, name: 'vps-1', tags: ['a', 'b'] } });
const request = Buffer.from(
  [
    `POST ${target.pathname} HTTP/1.1`,
    `host: ${target.host}`,
    `authorization: Bearer ${token}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    '',
    body,
  ].join('\r\n'),
);
const OK = 'HTTP/1.1 200';
let latencies: number[] = [];
let failed = 0;
let stopped = false;

function run(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({
      host: target.hostname,
      port: Number(target.port),
      noDelay: true,
    });
    let started = 0;
    let pending = '';
    const send = (): void => {
      if (stopped) return void socket.end(resolve);
      started = performance.now();
      socket.write(request);
    };
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      pending += bytes.toString('latin1');
      const head = pending.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(pending.slice(0, head))?.[1] ?? 0);
      if (pending.length < head + 4 + length) return;
      latencies.push(performance.now() - started);
      if (!pending.startsWith(OK)) failed += 1;
      pending = '';
      send();
    });
  });
}

const done = Promise.all(Array.from({ length: Number(inFlight) }, run));
await new Promise((resolve) => setTimeout(resolve, 500));
latencies = [];
failed = 0;
const started = performance.now();
await new Promise((resolve) => setTimeout(resolve, Number(durationMs)));
const seconds = (performance.now() - started) / 1_000;
const sorted = Float64Array.from(latencies).sort();
stopped = true;
await done;
const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
process.stdout.write(
  `${JSON.stringify({ rps: sorted.length / seconds, p50: at(0.5), p99: at(0.99), failed })}\n`,
);
