// The journal of effects outlives whatever could lead to a second run: a crash between any two steps of a
// call's end finds what the call has done already.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { Cancellation } from '../../../host/cancellation.ts';
import type { CancelReason } from '../../../host/cancellation.ts';
import type { CapabilityReply } from '../../../host/capabilities/capability.ts';
import { createResumer } from '../../../host/delivery/resume.ts';
import type { Resumer } from '../../../host/delivery/resume.ts';
import { HostError } from '../../../host/errors.ts';
import type { Calls } from '../../../host/lifecycle/calls.ts';
import { guardCall } from '../../../host/lifecycle/cut-off.ts';
import type { CallOutcome } from '../../../host/lifecycle/host.ts';
import { CallRecords } from '../../../host/lifecycle/records.ts';
import { Recorder } from '../../../host/recorder/recorder.ts';
import type { RecordedRequest } from '../../../host/recorder/recording.ts';
import type { DeliveryRow } from '../../../host/store/deliveries.ts';
import { openSqliteStore } from '../../../host/store/sqlite.ts';
import type { Store } from '../../../host/store/store.ts';
import { createVault } from '../../../host/store/vault.ts';
import { scopeOf } from '../../helpers/fetch.ts';

const ID = 'servers/vms/default';
const CALL_ID = 'call_1';
const CUT = {
  callId: CALL_ID,
  handler: 'create',
  inputText: '{"id":"s1"}',
  key: null,
  subject: null,
};
const COST = { wallMs: 1, queueMs: 0, cpuMs: 0, heapPeakBytes: 0 };
const RECEIPT = { ...COST, generation: 'g', capabilities: {} };
const OUTCOME: CallOutcome = { callId: CALL_ID, resultText: '{}', receipt: RECEIPT, facts: 0 };
const POST = { method: 'POST', url: 'https://api.example.com/vms', headers: [] };

const vault = createVault(new Uint8Array(32));
const nowMs = (): number => 1_000;

describe('the journal of a call', () => {
  let dir: string;
  let store: Store;
  let recorder: Recorder;
  /** Deliveries that are there as the effects of a call are removed */
  let guardsLeft: number | undefined;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cofferdam-journal-'));
    const opened = openSqliteStore(join(dir, 'store.sqlite'));
    guardsLeft = undefined;
    store = {
      ...opened,
      async removeEffects(callId) {
        const open = await opened.deliveries({ limit: 10 });
        guardsLeft = open.filter(({ state }) => state !== 'done').length;
        await opened.removeEffects(callId);
      },
    };
    recorder = new Recorder({ store, vault, nowMs, onError: assert.ifError });
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  it('is there until nothing stands for the call any more', async () => {
    await guardCall({ store, nowMs, onError: assert.ifError }, ID, CUT, async () => {
      await runAndRecord();
      assert.equal((await effects()).length, 1, 'the record is on disk, not the end');
    });
    assert.equal(guardsLeft, 0);
    assert.deepEqual(await effects(), []);
  });

  it('is there until a resumed call has ended', async () => {
    const row = await cutOff();
    assert.deepEqual(await resumer(() => Promise.resolve(OUTCOME)).run(row), { state: 'done' });
    assert.equal(guardsLeft, 0);
    assert.deepEqual(await effects(), []);
  });

  it('is there after a resumed call could not be finished', async () => {
    const row = await cutOff();
    const busy = resumer(async () => {
      await runAndRecord();
      throw new HostError('HOST_OVERLOADED', 'Too much to do');
    });
    await assert.rejects(busy.run(row), { code: 'HOST_OVERLOADED' });
    assert.equal((await effects()).length, 1);
  });

  it('asks a person about an effect whose answer was streamed', async () => {
    const row = await cutOff({ value: {}, body: new ReadableStream<Uint8Array>() });
    const again = resumer(() => assert.fail('it would be sent a second time'));
    await assert.rejects(again.run(row), { code: 'CALLER_NEEDS_RECONCILIATION' });
  });

  it('knows no answer to an effect that was cut off with its call', async () => {
    await giveUp('call-over');
    const [effect] = await effects();
    assert.deepEqual([effect?.payload, effect?.reply], [POST, undefined]);
  });

  it('knows that a guest has given an effect up', async () => {
    await giveUp();
    const [effect] = await effects();
    const error = { code: 'CALLER_CANCELLED', message: 'Given up' };
    assert.deepEqual([effect?.payload, effect?.reply], [POST, { error }]);
  });

  /** One POST that is aborted before the vendor has answered. */
  async function giveUp(why?: CancelReason): Promise<void> {
    recorder.open({ callId: CALL_ID, instance: ID, journalled: true });
    const cancellation = new Cancellation();
    const { fetch } = recorder.wrap(
      {
        async fetch() {
          cancellation.cancel(why);
          throw new HostError('CALLER_CANCELLED', 'Given up');
        },
      },
      {},
    );
    const scope = scopeOf({ callId: CALL_ID, cancellation });
    const sent = fetch?.(POST, scope, () => assert.fail('nothing is sent'));
    await assert.rejects(Promise.resolve(sent), { code: 'CALLER_CANCELLED' });
  }

  async function effects(): Promise<readonly RecordedRequest[]> {
    return (await recorder.journal(CALL_ID)).requests;
  }

  function resumer(resume: () => Promise<CallOutcome>): Resumer {
    const calls = { resume } as unknown as Calls;
    const finish = (): Promise<void> => Promise.resolve();
    return createResumer({ calls, store, recorder, nowMs, finish });
  }

  /** One POST, answered and journalled, and the call's record. */
  async function runAndRecord(reply: CapabilityReply = { value: { status: 201 } }): Promise<void> {
    const records = new CallRecords({ store, recorder, nowMs, onError: assert.ifError });
    const start = {
      ...CUT,
      instance: ID,
      actor: 'a',
      operationId: CALL_ID,
      startedMs: 0,
      replayOf: undefined,
    };
    const record = records.start({ ...start, journalled: true, trace: undefined });
    const { fetch } = recorder.wrap({ fetch: () => Promise.resolve(reply) }, {});
    await fetch?.(POST, scopeOf({ callId: CALL_ID }), () => assert.fail('nothing is sent'));
    await records.done(record, '{}', RECEIPT);
  }

  /** A call of a process that died behind its effect. */
  async function cutOff(reply?: CapabilityReply): Promise<DeliveryRow> {
    const dead = Promise.withResolvers<undefined>();
    void guardCall({ store, nowMs, onError: assert.ifError }, ID, CUT, async () => {
      await runAndRecord(reply);
      dead.resolve(undefined);
      return new Promise(() => undefined);
    });
    await dead.promise;
    const [row] = await store.deliveries({ limit: 1 });
    assert.ok(row);
    return row;
  }
});
