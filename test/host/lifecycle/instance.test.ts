// The states of one instance, with cells that are none and a clock that is moved by hand.

import assert from 'node:assert/strict';
import { it, mock } from 'node:test';

import { Cancellation } from '../../../host/cancellation.ts';
import { Deadline } from '../../../host/deadline.ts';
import { Supervisor } from '../../../host/cells/supervisor.ts';
import { Instance } from '../../../host/lifecycle/instance.ts';
import type { InstancePowers } from '../../../host/lifecycle/instance.ts';
import type { Compiled } from '../../../host/lifecycle/compiled.ts';
import { LIMITS } from '../../../host/limits.ts';
import { BREAK, startFakeCell, WAIT } from '../../helpers/fake-cell.ts';
import { manifestFor } from '../../helpers/host.ts';

const KEY = 'own:others/subject';
const COMPILED: Compiled = {
  bundle: { hash: 'g1', parts: [], watched: [] } as unknown as Compiled['bundle'],
  manifest: manifestFor('others/subject') as Compiled['manifest'],
  description: { category: 'others', handlers: ['execute'], actions: [], config: null },
  at: '2026-01-01T00:00:00Z',
};

type Subject = {
  readonly instance: Instance;
  readonly supervisor: Supervisor;
  /** Types of what it told, with the causes. */
  readonly told: string[];
  call(input: unknown): Promise<string>;
  /** Moves the clock, timers included. */
  pass(ms: number): void;
  [Symbol.asyncDispose](): Promise<void>;
};

function createSubject(): Subject {
  mock.timers.enable({ apis: ['setTimeout'] });
  const clock = { ms: 1_000_000 };
  const nowMs = (): number => clock.ms;
  const supervisor = new Supervisor({
    ...{
      spawnCell: () => startFakeCell(),
      platform: async () => ({ cell: '', greeting: Buffer.alloc(0) }),
      steadyMs: nowMs,
    },
    onCell: () => undefined,
  });
  const told: string[] = [];
  const powers: InstancePowers = {
    ...{ supervisor, nowMs, engine: 'none', onLog: () => undefined },
    ...{ makeRoom: () => undefined, onWarmed: () => undefined },
    endow: async () => ({ table: {}, values: {}, scrub: (text) => text, close: () => undefined }),
    onChange: ({ type, data }) => {
      const cause = data['cause'] as string | { code: string } | undefined;
      const word = typeof cause === 'object' ? cause.code : (cause ?? data['state']);
      told.push(`${type.slice('instance.'.length)} ${String(word)}`);
    },
  };
  const id = 'others/subject/default';
  const subject = { id, originMs: 0, extension: 'others/subject', trusted: false };
  const instance = new Instance(subject, COMPILED, powers);
  return {
    instance,
    supervisor,
    told,
    async call(input) {
      const { text } = await instance.call({
        ...{ callId: 'call', operationId: 'call', attempt: 1, handler: 'execute' },
        ...{
          inputText: JSON.stringify(input),
          deadline: new Deadline(nowMs(), 1e9),
          dryRun: false,
        },
        cancellation: new Cancellation(),
      });
      return text;
    },
    pass(ms) {
      clock.ms += ms;
      mock.timers.tick(ms);
    },
    async [Symbol.asyncDispose]() {
      await supervisor[Symbol.asyncDispose]();
      mock.timers.reset();
    },
  };
}

const BROKE = { code: 'EXTENSION_CPU_EXCEEDED' };
const STRUCK = ['struck EXTENSION_CPU_EXCEEDED', 'state idle', 'state running'];

it('rests after so many failures, twice as long each time, and says why at each step', async () => {
  await using subject = createSubject();
  assert.equal(await subject.call(1), '"fine"');
  for (let at = 0; at < LIMITS.strikes; at += 1) await assert.rejects(subject.call(BREAK), BROKE);
  assert.deepEqual(subject.told, [
    'state running',
    ...Array.from({ length: LIMITS.strikes - 1 }, () => STRUCK).flat(),
    'struck EXTENSION_CPU_EXCEEDED',
    'state quarantined',
    'quarantined EXTENSION_CPU_EXCEEDED',
  ]);
  assert.equal(subject.instance.state, 'quarantined');
  await assert.rejects(subject.call(1), { code: 'EXTENSION_QUARANTINED' });
  subject.pass(LIMITS.quarantineMs - 1);
  await assert.rejects(subject.call(1), { code: 'EXTENSION_QUARANTINED' });
  subject.told.length = 0;
  subject.pass(1);
  assert.deepEqual(subject.told, ['state idle', 'released rested']);
  assert.equal(await subject.call(1), '"fine"');
  for (let at = 0; at < LIMITS.strikes; at += 1) await assert.rejects(subject.call(BREAK), BROKE);
  subject.pass(LIMITS.quarantineMs * 2 - 1);
  assert.equal(subject.instance.state, 'quarantined');
  subject.pass(1);
  assert.equal(subject.instance.state, 'idle');
});

it('does not rest for failures that lie further apart than the window', async () => {
  await using subject = createSubject();
  for (let at = 0; at < LIMITS.strikes * 2; at += 1) {
    await assert.rejects(subject.call(BREAK), BROKE);
    subject.pass(LIMITS.strikeWindowMs / (LIMITS.strikes - 1));
  }
  assert.equal(subject.instance.state, 'idle');
});

it('forgives when it is asked to, and says so', async () => {
  await using subject = createSubject();
  for (let at = 0; at < LIMITS.strikes; at += 1) await assert.rejects(subject.call(BREAK), BROKE);
  subject.told.length = 0;
  subject.instance.forgive();
  assert.deepEqual(subject.told, ['state idle', 'released forgiven']);
  assert.equal(await subject.call(1), '"fine"');
});

for (const cause of ['memory', 'calls'] as const) {
  it(`moves out of a process that is worn by its ${cause}, and ends that`, async () => {
    await using subject = createSubject();
    await subject.call(1);
    const old = await subject.supervisor.acquire(KEY);
    await subject.instance.recycle();
    assert.equal(await subject.supervisor.acquire(KEY), old);
    if (cause === 'memory') old.residentMiB = old.memoryMiB * LIMITS.wornMemoryShare + 1;
    else old.served = LIMITS.callsPerCell;
    subject.told.length = 0;
    await subject.instance.recycle();
    assert.deepEqual(subject.told, [`recycled ${cause}`]);
    assert.notEqual(await subject.supervisor.acquire(KEY), old);
    assert.equal(await subject.call(1), '"fine"');
    subject.pass(LIMITS.cellLingerMs);
    assert.equal(old.ended, true);
  });
}

it('stays in a worn process while a call runs in it', async () => {
  await using subject = createSubject();
  await subject.call(1);
  const old = await subject.supervisor.acquire(KEY);
  old.residentMiB = old.memoryMiB;
  const waiting = subject.call(WAIT);
  await subject.instance.recycle();
  assert.equal(subject.told.includes('recycled memory'), false);
  old.kill({ cause: 'stopped', detail: 'the test is over' });
  await assert.rejects(waiting, { code: 'CALLER_NOT_RUNNING' });
});
