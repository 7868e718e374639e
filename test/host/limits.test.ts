import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { other, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

/** What misbehaves, the code that must come of it, and the longest it may take: limits plus a margin. */
const ATTACKS: readonly { name: string; body: string; codes: readonly string[] }[] = [
  { name: 'spin', body: 'for (;;);', codes: ['EXTENSION_CPU_EXCEEDED'] },
  {
    name: 'spin-after-await',
    body: 'await new Promise((r) => setTimeout(r, 5)); for (;;);',
    codes: ['EXTENSION_CPU_EXCEEDED'],
  },
  {
    name: 'microtasks',
    body: 'const again = (): any => Promise.resolve().then(again); await again();',
    codes: ['EXTENSION_CPU_EXCEEDED'],
  },
  {
    name: 'memory',
    body: 'const all: any[] = []; for (;;) all.push(new Array(100_000).fill({ x: 1 }));',
    codes: ['EXTENSION_MEMORY_EXCEEDED', 'EXTENSION_CPU_EXCEEDED'],
  },
  {
    name: 'native-stuck',
    body: 'const n = 7n ** 3_000_000n; let m = n; for (let i = 0; i < 20; i += 1) m = m * n; return String(m).length;',
    codes: ['EXTENSION_CRASHED', 'EXTENSION_CPU_EXCEEDED', 'EXTENSION_MEMORY_EXCEEDED'],
  },
  {
    name: 'flood',
    body: 'for (;;) ctx.log.info("x".repeat(10_000));',
    codes: ['EXTENSION_QUOTA_EXCEEDED', 'EXTENSION_CPU_EXCEEDED', 'EXTENSION_THREW'],
  },
  {
    name: 'huge-result',
    body: "return 'x'.repeat(5_000_000);",
    codes: ['EXTENSION_OUTPUT_INVALID'],
  },
  { name: 'never', body: 'await new Promise(() => {});', codes: ['EXTENSION_TIMED_OUT'] },
  { name: 'throws', body: 'throw null;', codes: ['EXTENSION_THREW'] },
  {
    name: 'getter-bomb',
    body: 'throw { get message() { for (;;); } };',
    codes: ['EXTENSION_CPU_EXCEEDED'],
  },
];

describe('an extension that misbehaves', { timeout: 120_000 }, () => {
  let host: TestHost;
  before(async () => {
    host = await startTestHost({
      'others/peer': { 'extension.ts': other('return "pong";') },
      ...Object.fromEntries(
        ATTACKS.map(({ name, body }) => [`others/${name}`, { 'extension.ts': other(body) }]),
      ),
    });
    await host.enable('others/peer');
    await host.call('others/peer', 'execute');
  });
  after(() => host[Symbol.asyncDispose]());

  for (const { name, codes } of ATTACKS) {
    it(`ends in a typed error while a neighbour keeps answering: ${name}`, async () => {
      await host.enable(`others/${name}`);
      let ended = false;
      const attack = host
        .call(`others/${name}`, 'execute', null, { deadlineMs: 4_000 })
        .finally(() => {
          ended = true;
        });
      let pings = 0;
      do {
        const { status, body } = await host.call('others/peer', 'execute');
        assert.deepEqual([status, body.result], [200, 'pong']);
        pings += 1;
      } while (!ended);
      const { body } = await attack;
      assert.ok(codes.includes(body.code), `${body.code}: ${body.detail}`);
      assert.ok(pings > 0);
    });
  }

  it('answers again after it was killed', async () => {
    await host.write('others/spin', 'extension.ts', other('if (input) for (;;); return "fine";'));
    await host.request('POST', '/extensions/others/spin/restart');
    assert.equal(
      (await host.call('others/spin', 'execute', 1)).body.code,
      'EXTENSION_CPU_EXCEEDED',
    );
    assert.equal((await host.call('others/spin', 'execute', 0)).body.result, 'fine');
  });

  it('rests after failing five times in a minute, and a restart forgives', async () => {
    for (let at = 0; at < 5; at += 1) await host.call('others/spin', 'execute', 1);
    const { status, body, headers } = await host.call('others/spin', 'execute', 0);
    assert.deepEqual([status, body.code], [503, 'EXTENSION_QUARANTINED']);
    assert.ok(Number(headers.get('retry-after')) > 0);
    assert.equal((await host.request('POST', '/extensions/others/spin/restart')).status, 200);
    assert.equal((await host.call('others/spin', 'execute', 0)).body.result, 'fine');
  });

  it('cannot take more calls at a time than its limit allows', async () => {
    const answers = await Promise.all(
      Array.from({ length: 400 }, () =>
        host.call('others/never', 'execute', null, { deadlineMs: 2_000 }),
      ),
    );
    const codes = new Set(answers.map(({ body }) => body.code));
    assert.deepEqual([...codes].toSorted(), ['EXTENSION_TIMED_OUT', 'HOST_OVERLOADED']);
  });
});
