// The journal of effects outlives whatever could lead to a second run: a crash between any two steps of a
// call's end finds what the call has done already.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { TEST_ROOT } from '../../helpers/folder.ts';
import { Cancellation } from '../../../host/cancellation.ts';
import type { CancelReason } from '../../../host/cancellation.ts';
import type { CapabilityReply } from '../../../host/capabilities/capability.ts';
import type { OperationEnd } from '../../../host/delivery/finished.ts';
import { createResumer } from '../../../host/delivery/resume.ts';
import type { Resumer } from '../../../host/delivery/resume.ts';
import { HostError } from '../../../host/errors.ts';
import type { Calls } from '../../../host/lifecycle/calls.ts';
import { guardCall } from '../../../host/lifecycle/cut-off.ts';
import type { CallOutcome } from '../../../host/lifecycle/host.ts';
import { CallRecords } from '../../../host/lifecycle/records.ts';
import { Recorder } from '../../../host/recorder/recorder.ts';
import type { RecordedRequest, Recording } from '../../../host/recorder/recording.ts';
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
const SUBJECT = { callId: CALL_ID, instance: ID, journalled: true };
const POST = { method: 'POST', url: 'https://api.example.com/vms', headers: [] };
const GET = { ...POST, method: 'GET' };
const PUT = { ...POST, method: 'PUT' };
const KEYED = { ...POST, headers: [['idempotency-key', 'k']] };
const LOST = new HostError('REMOTE_UNREACHABLE', 'It closed the connection');
const FAILURE = new HostError('EXTENSION_FAILED', 'Not made');
/** No answer before the end of the process. */
const NEVER = Symbol('never');
const ROW: DeliveryRow = {
  ...{ seq: 1, id: 'cut_1', kind: 'resume', target: ID, subject: '', type: 'create' },
  ...{ dedupe: CALL_ID, payload: '', state: 'running', attempt: 1, dueMs: 0, createdMs: 0 },
  ...{ endedMs: null, error: null },
};

const vault = createVault(new Uint8Array(32));
const nowMs = (): number => 1_000;

describe('the journal of a call', () => {
  let dir: string;
  let store: Store;
  let recorder: Recorder;
  /** Deliveries that are there as the effects of a call are removed */
  let guardsLeft: number | undefined;

  beforeEach(async () => {
    dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-journal-'));
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

  it('is there for whoever has taken the call over, whatever becomes of the first run', async () => {
    const claim = { nowMs: nowMs(), limit: 1, perTarget: 1, except: [] };
    await guardCall({ store, nowMs, onError: assert.ifError }, ID, CUT, async () => {
      await runAndRecord();
      await store.releaseClaims();
      assert.equal((await store.claimDeliveries(claim)).length, 1);
    });
    assert.equal((await effects()).length, 1);
    const [guard] = await store.deliveries({ limit: 1 });
    assert.deepEqual([guard?.state, guard?.attempt], ['running', 2]);
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

  it('asks a person when an effect that was sent again is not told of, and the call fails', async () => {
    const cases = [
      ...[401, 403, 404, 408, 409, 429, 500, 503].map((status) => [KEYED, status] as const),
      [KEYED, LOST],
      // What it refuses may be what the first one has made.
      [PUT, 422],
      [{ ...PUT, method: 'DELETE' }, 404],
    ] as const;
    for (const [effect, answer] of cases) {
      const asks = resumeSending(effect, answer, () => Promise.reject(FAILURE));
      await assert.rejects(asks, { code: 'CALLER_NEEDS_RECONCILIATION' }, JSON.stringify(effect));
      // Replayed by hand it is sent once more.
      assert.equal((await effects())[0]?.reply, undefined);
    }
  });

  it('says that a resumed call has failed when the vendor tells what became of its effect', async () => {
    const cases = [
      ...[201, 400, 402, 422].map((status) => [KEYED, status] as const),
      [PUT, 200],
    ] as const;
    for (const [effect, status] of cases) {
      const ends = await resumeSending(effect, status, () => Promise.reject(FAILURE));
      assert.deepEqual(ends, [{ error: FAILURE }]);
      assert.deepEqual(await effects(), []);
    }
  });

  it('asks a person too when the handler reports the failure as its result', async () => {
    const outcome = { ...OUTCOME, resultText: '{"status":"failed","error":{}}' };
    const asks = resumeSending(KEYED, LOST, () => Promise.resolve(outcome));
    await assert.rejects(asks, { code: 'CALLER_NEEDS_RECONCILIATION' });
    const told = await resumeSending(KEYED, 422, () => Promise.resolve(outcome));
    assert.deepEqual(told, [{ outcome }]);
  });

  it('runs a resumed call again whose process has died once more', async () => {
    const killed = new HostError('EXTENSION_CRASHED', 'Killed');
    await assert.rejects(
      resumeSending(KEYED, 201, () => Promise.reject(killed)),
      killed,
    );
    assert.equal((await effects()).length, 1);
  });

  it('knows what led to an effect after the second end of a process, too', async () => {
    await send(recorder.open(SUBJECT), [GET, KEYED], NEVER);
    for (let times = 0; times < 2; times += 1) {
      const journal = await recorder.journal(CALL_ID);
      assert.deepEqual(
        journal.requests.map(({ payload, reply }) => [payload, reply]),
        [
          [GET, { value: { status: 200 } }],
          [KEYED, undefined],
        ],
      );
      await send(recorder.open(SUBJECT, { mode: 'resume', ...journal }), [GET, KEYED], NEVER);
    }
  });

  /** Resumes a call that was cut off behind an effect. @returns How it was finished, if it was */
  async function resumeSending(
    effect: object,
    answer: number | HostError,
    end: () => Promise<CallOutcome>,
  ): Promise<OperationEnd[]> {
    await store.removeEffects(CALL_ID);
    await send(recorder.open(SUBJECT), [effect], NEVER);
    const ends: OperationEnd[] = [];
    const resume: Calls['resume'] = async (_id, _cut, look) => {
      const journal = await look();
      if (journal === undefined) return undefined;
      await send(recorder.open(SUBJECT, { mode: 'resume', ...journal }), [effect], answer);
      return end();
    };
    const again = createResumer({
      ...{ store, recorder, nowMs },
      calls: { resume } as Calls,
      finish: async (_operation, how) => void ends.push(how),
    });
    await again.run({ ...ROW, payload: JSON.stringify(CUT) });
    return ends;
  }

  /** Sends requests in order: effects get the answer, or none before the process ends; others a 200. */
  async function send(
    { subject }: Recording,
    requests: readonly object[],
    answer: number | HostError | typeof NEVER,
  ): Promise<void> {
    const cancellation = new Cancellation();
    const { fetch } = recorder.wrap(
      {
        async fetch(payload) {
          if (payload === GET) return { value: { status: 200 } };
          if (answer === NEVER) cancellation.cancel('call-over');
          if (typeof answer === 'number') return { value: { status: answer } };
          throw answer === NEVER ? LOST : answer;
        },
      },
      {},
    );
    for (const [at, request] of requests.entries()) {
      const scope = { callId: subject.callId, sequence: at + 1, cancellation };
      const sent = fetch?.(request, scopeOf(scope), () => assert.fail('nothing is sent'));
      await sent?.catch((error: unknown) => assert.ok(error instanceof HostError));
    }
  }

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

  function resumer(run: () => Promise<CallOutcome>): Resumer {
    const resume: Calls['resume'] = async (_id, _cut, look) =>
      (await look()) === undefined ? undefined : run();
    const calls = { resume } as Calls;
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
