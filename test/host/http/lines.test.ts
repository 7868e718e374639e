import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { it } from 'node:test';

import { EventStreams } from '../../../host/http/sse.ts';

/** Streams, and a reply whose reader takes nothing in until it is read. */
function open(): { streams: EventStreams; raw: PassThrough; reply: any; request: any } {
  const streams = new EventStreams({
    isStillAdmitted: async () => true,
    onError: (error) => assert.fail(String(error)),
    nowMs: () => 0,
  });
  const raw = new PassThrough({ highWaterMark: 10 });
  const reply = { hijack() {}, raw: Object.assign(raw, { writeHead() {}, flushHeaders() {} }) };
  return { streams, raw, reply, request: { id: 'req' } };
}

/** Numbers, and how many were asked for. */
function numbers(count: number): { asked: () => number; ended: () => boolean; read: () => any } {
  let asked = 0;
  let isEnded = false;
  async function* read(): AsyncGenerator<object> {
    try {
      while (asked < count) yield { number: (asked += 1) };
    } finally {
      isEnded = true;
    }
  }
  return { asked: () => asked, ended: () => isEnded, read };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('lines are asked for no faster than they are read', async () => {
  const { streams, raw, reply, request } = open();
  const source = numbers(3);
  const sent = streams.sendLines(request, reply, source.read);
  await settle();
  assert.equal(source.asked(), 1);
  let text = '';
  for await (const chunk of raw) text += String(chunk);
  await sent;
  assert.equal(text, '{"number":1}\n{"number":2}\n{"number":3}\n');
  assert.deepEqual([source.asked(), streams.size], [3, 0]);
});

it('lines end with their reader, who takes no place then', async () => {
  const { streams, raw, reply, request } = open();
  const source = numbers(1_000);
  const sent = streams.sendLines(request, reply, source.read);
  await settle();
  raw.destroy();
  await sent;
  assert.deepEqual([source.ended(), streams.size], [true, 0]);
});

it('lines that the host cuts off break the connection, so that nobody takes them for whole', async () => {
  const { streams, raw, reply, request } = open();
  const sent = streams.sendLines(request, reply, numbers(1_000).read);
  await settle();
  streams.close();
  await sent;
  if (!raw.closed) await once(raw, 'close');
  assert.deepEqual([raw.destroyed, raw.readableEnded], [true, false]);
});
