import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { it, mock } from 'node:test';

import { EventStreams } from '../../../host/http/sse.ts';
import { LIMITS } from '../../../host/limits.ts';

it(
  'a reader that is never up to date is asked for its token all the same',
  { timeout: 5_000 },
  async (t) => {
    mock.timers.enable({ apis: ['setInterval'] });
    t.after(() => mock.timers.reset());
    let isGood = true;
    const streams = new EventStreams({
      isStillAdmitted: async () => isGood,
      onError: (error) => assert.fail(String(error)),
      nowMs: () => 0,
    });
    const raw = new PassThrough({ highWaterMark: 10 });
    const reply: any = { hijack() {}, raw: Object.assign(raw, { writeHead() {} }) };
    async function* open(): AsyncGenerator<object> {
      for (let number = 0; ; number += 1) yield { number };
    }
    const sent = streams.send({ id: 'req' } as any, reply, { open, typeOf: () => 'number' });
    // It takes in a part of what is there in every interval, and never all of it.
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    for (let beats = 0; beats < 3; beats += 1) {
      await settle();
      raw.read();
      await settle();
      assert.ok(raw.writableNeedDrain);
      mock.timers.tick(LIMITS.heartbeatMs);
    }
    assert.equal(streams.size, 1);
    isGood = false;
    raw.read();
    await settle();
    mock.timers.tick(LIMITS.heartbeatMs);
    await sent;
    assert.equal(streams.size, 0);
    let rest = '';
    for await (const chunk of raw) rest += String(chunk);
    assert.match(rest, /"reason":"revoked"/);
  },
);

it('a token holds only some of the streams: another one still finds room', async () => {
  const streams = new EventStreams({
    isStillAdmitted: async () => true,
    onError: (error) => assert.fail(String(error)),
    nowMs: () => 0,
  });
  const open = async function* (signal: AbortSignal): AsyncGenerator<object> {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    yield* [];
  };
  const send = (token: string): Promise<void> => {
    const raw = Object.assign(new PassThrough(), { writeHead() {} });
    const reply: any = { hijack() {}, raw };
    const request: any = { id: 'req', actor: { id: token } };
    return streams.send(request, reply, { open, typeOf: () => 'none' });
  };
  const held = Array.from({ length: LIMITS.streamsPerToken }, () => send('viewer'));
  await assert.rejects(send('viewer'), { code: 'HOST_OVERLOADED' });
  held.push(send('admin'));
  assert.equal(streams.size, LIMITS.streamsPerToken + 1);
  streams.close();
  await Promise.all(held);
});
