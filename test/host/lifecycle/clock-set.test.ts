// A host whose machine's clock is set while it works: what takes its time takes as long as it should.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { other, startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';

const HOUR_MS = 3_600_000;
const CODE = other(`
  if (input.wait) await new Promise(() => undefined);
  // V8 cannot interrupt it.
  if (input.hang) Object.assign([], { length: 2 ** 32 - 1 }).indexOf(1);
  await new Promise((resolve) => setTimeout(resolve, input.ms));
  return 'fine';`);

describe('a host whose clock is set', { timeout: 30_000 }, () => {
  const realMs = Date.now;
  let host: TestHost;

  before(async () => {
    host = await startTestHost({ 'others/slow': { 'extension.ts': CODE } });
    await host.enable('others/slow');
    await host.call('others/slow', 'execute', { ms: 0 });
  });
  after(async () => {
    Date.now = realMs;
    await host[Symbol.asyncDispose]();
  });

  it('ends a call at its deadline, when it is set back meanwhile', async () => {
    const call = host.call('others/slow', 'execute', { wait: true }, { deadlineMs: 500 });
    await isRunning();
    set(-HOUR_MS);
    const { body } = await call;
    assert.equal(body.code, 'EXTENSION_TIMED_OUT');
    assert.ok(body.callId);
  });

  it('ends no call before its deadline, when it is set ahead meanwhile', async () => {
    const call = host.call('others/slow', 'execute', { ms: 300 }, { deadlineMs: 20_000 });
    await isRunning();
    set(HOUR_MS);
    assert.equal((await call).body.result, 'fine');
  });

  it('kills a process that hangs, when it is set back meanwhile', async () => {
    const call = host.call('others/slow', 'execute', { hang: true }, { deadlineMs: 20_000 });
    await isRunning();
    set(-HOUR_MS);
    assert.equal((await call).body.code, 'EXTENSION_CPU_EXCEEDED');
  });

  async function isRunning(): Promise<void> {
    for (;;) {
      const { body } = await host.request('GET', '/calls?state=running');
      if (body.calls.length > 0) return;
    }
  }

  function set(aheadMs: number): void {
    Date.now = () => realMs() + aheadMs;
  }
});
