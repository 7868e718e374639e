// A flood of log lines costs little: what is dropped is not even read, and its process goes on.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { InstanceLogs } from '../../../host/lifecycle/logs.ts';
import { LIMITS } from '../../../host/limits.ts';
import { other, startTestHost } from '../../helpers/host.ts';

const ID = 'others/x/default';

describe('the log of an instance', () => {
  /** Lines of so many bytes within one second: how many were read. */
  function write(bytes: readonly number[]): { read: number; messages: string[] } {
    const messages: string[] = [];
    let nowMs = 0;
    let read = 0;
    const logs = new InstanceLogs(
      () => nowMs,
      ({ message }) => void messages.push(message),
    );
    const line = { level: 'info', message: 'x' } as const;
    for (const each of bytes) {
      logs.write(ID, {
        bytes: each,
        read() {
          read += 1;
          return line;
        },
      });
    }
    nowMs = 1_000;
    logs.write(ID, { bytes: 1, read: () => line });
    return { read, messages };
  }

  it('takes as many lines in a second as it may have, and no word is lost', () => {
    const { read, messages } = write(Array(LIMITS.logLinesPerSecond).fill(1));
    assert.deepEqual([read, messages.length], [200, 201]);
  });

  it('reads no line over that, and tells how many it were', () => {
    const { read, messages } = write(Array(LIMITS.logLinesPerSecond + 3).fill(1));
    assert.deepEqual(
      [read, messages.at(-2)],
      [200, '3 log lines were dropped: at most 200 a second, of 262144 bytes together'],
    );
  });

  it('takes as many bytes in a second as it may have', () => {
    assert.equal(write([LIMITS.logBytesPerSecond - 1, 1]).read, 2);
  });

  it('reads no line that goes over its bytes', () => {
    assert.equal(write([LIMITS.logBytesPerSecond, 1]).read, 1);
  });
});

it('ends an isolate that floods, not its process', { timeout: 60_000 }, async () => {
  const floods = "if (input) for (;;) console.log('x'); return 'fine';";
  await using host = await startTestHost({ 'others/floods': { 'extension.ts': other(floods) } });
  await host.enable('others/floods');
  const { body } = await host.call('others/floods', 'execute', true);
  assert.equal(body.code, 'EXTENSION_QUOTA_EXCEEDED');
  assert.equal((await host.call('others/floods', 'execute', false)).body.result, 'fine');
  const audit = await host.request('GET', '/audit?limit=20');
  const actions = audit.body.entries.map(({ action }: any) => action);
  assert.ok(actions.includes('instance.struck'));
  assert.ok(!actions.includes('cell.killed'));
});
