// How much of the calls of one instance is kept: after a day's bytes only who, what and how it ended.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { LIMITS } from '../../../host/limits.ts';
import { CallRecords } from '../../../host/lifecycle/records.ts';
import type { Recorder } from '../../../host/recorder/recorder.ts';
import { Recording } from '../../../host/recorder/recording.ts';
import type { CallRow, RecordingStore } from '../../../host/store/recordings.ts';

const RECEIPT = {
  ...{ wallMs: 1, queueMs: 0, cpuMs: 0, heapPeakBytes: 0, generation: 'g' },
  capabilities: {},
};

it('keeps a day’s bytes of recordings of an instance, then its calls without them', async () => {
  let now = 0;
  const rows: CallRow[] = [];
  const half = 'x'.repeat(LIMITS.recordedBytesPerDay / 2);
  const records = new CallRecords({
    store: {
      putCalls: async (some: readonly CallRow[]) => void rows.push(...some),
      purgeCalls: async () => 0,
    } as unknown as RecordingStore,
    recorder: {
      open: (subject: ConstructorParameters<typeof Recording>[0]) => new Recording(subject),
      close: () => undefined,
      seal: (row: CallRow) => ({ ...row, sealed: half }),
    } as unknown as Recorder,
    nowMs: () => now,
    onError: assert.ifError,
  });
  const run = async (callId: string, instance = 'others/loud/default'): Promise<unknown> => {
    const start = { callId, operationId: callId, instance, handler: 'execute', actor: 'a' };
    const more = { startedMs: 0, inputText: '1', replayOf: undefined, trace: undefined };
    const kept = records.start({ ...start, ...more, journalled: false });
    await records.done(kept, '2', RECEIPT);
    await records.flush();
    return rows.at(-1)?.sealed;
  };
  assert.equal(await run('1'), half);
  assert.equal(await run('2'), half);
  assert.equal(await run('3'), null);
  assert.deepEqual(
    rows.map(({ callId, state }) => [callId, state]),
    ['1', '2', '3'].map((id) => [id, 'done']),
  );
  assert.equal(await run('4', 'others/quiet/default'), half);
  now += LIMITS.dayMs;
  assert.equal(await run('5'), half);
});
