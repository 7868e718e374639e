// A cell that somebody has taken over: it sends whatever it likes. The pipe is faked, everything of the
// host's side is real.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';

import fc from 'fast-check';

import { Cancellation } from '../../../host/cancellation.ts';
import { Deadline } from '../../../host/deadline.ts';
import { Runner } from '../../../host/broker/runner.ts';
import type { RunOutcome } from '../../../host/broker/running.ts';
import type { Capability } from '../../../host/capabilities/capability.ts';
import { Cell } from '../../../host/cells/cell.ts';
import type { CellEnd } from '../../../host/cells/cell.ts';
import { HostError } from '../../../host/errors.ts';
import { FRAME } from '../../../host/frames.ts';
import { LIMITS } from '../../../host/limits.ts';
import { frame } from '../../helpers/fake-cell.ts';

type Fake = {
  readonly cell: Cell;
  readonly ends: CellEnd[];
  say(bytes: Uint8Array): void;
  /** Closes its end. */
  hangUp(): Promise<unknown>;
  killed(): boolean;
};

function startFake(): Fake {
  const pipe = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  let killed = false;
  const child = Object.assign(new EventEmitter(), {
    pid: 1,
    stdio: [null, null, null, pipe],
    stdout: null,
    stderr: null,
    kill: () => (killed = true),
  });
  const ends: CellEnd[] = [];
  const cell = new Cell(child as unknown as ChildProcess, (_cell, end) => ends.push(end));
  return {
    cell,
    ends,
    killed: () => killed,
    hangUp: () => once(pipe.destroy(), 'close'),
    // Straight into the listener: what a socket would hand over.
    say: (bytes) => void pipe.emit('data', Buffer.from(bytes)),
  };
}

function startRunner(cell: Cell, fetch?: Capability): { runner: Runner; served: string[] } {
  const served: string[] = [];
  const serve: Capability = async (_payload, scope) => {
    served.push(scope.instance);
    return { value: null };
  };
  const runner = new Runner({
    instance: 'others/victim/default',
    generation: 'g',
    cell,
    spec: { cpuMs: 500, memoryMiB: 64, scripts: [] },
    table: { fetch: fetch ?? serve },
    mapStack: (stack) => stack,
    events: { log: () => undefined, ended: () => undefined, finished: () => undefined },
  });
  return { runner, served };
}

const call = (runner: Runner): Promise<RunOutcome> =>
  runner.run({
    callId: 'call',
    operationId: 'call',
    attempt: 1,
    handler: 'execute',
    inputText: 'null',
    deadline: new Deadline(Date.now(), 60_000),
    dryRun: false,
    cancellation: new Cancellation(),
  });

const anyFrame = fc
  .tuple(
    fc.oneof(fc.constantFrom(...Object.values(FRAME)), fc.nat(255)),
    fc.nat(3),
    fc.oneof(fc.nat(3), fc.nat(0xffff_ffff)),
    fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.string().map((text) => Buffer.from(text)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .constantFrom(
          '1 fetch {}',
          '0 fetch',
          '99 fetch {}',
          '1 __proto__ {}',
          '1 constructor null',
          '1 storage {}',
        )
        .map((text) => Buffer.from(text)),
      fc.string().map((text) => Buffer.concat([Buffer.alloc(16), Buffer.from(text)])),
    ),
  )
  .map(([kind, slot, id, payload]) => frame(kind, slot, id, payload));

describe('a cell that was taken over', { timeout: 60_000 }, () => {
  it('makes every call settle with a typed failure or a result, whatever frames it sends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyFrame, { maxLength: 40 }), async (frames) => {
        const { cell, say } = startFake();
        const { runner, served } = startRunner(cell);
        say(frame(FRAME.loaded, 1, 0));
        const outcome = call(runner).then(
          () => 'result',
          (error: unknown) => (error instanceof HostError ? 'typed' : error),
        );
        for (const bytes of frames) say(bytes);
        cell.kill({ cause: 'stopped', detail: 'the test is over' });
        assert.ok(['result', 'typed'].includes(String(await outcome)), String(await outcome));
        assert.ok(served.every((instance) => instance === 'others/victim/default'));
        assert.equal(cell.running, 0);
      }),
      { numRuns: 500 },
    );
  });

  it('cannot take a request out of its bounds by using its id again', async () => {
    const cancelled: boolean[] = [];
    const never = new Promise<never>(() => undefined);
    const { cell, say } = startFake();
    const { runner } = startRunner(cell, (_payload, { cancellation }) => {
      const at = cancelled.push(false) - 1;
      cancellation.listen({ onCancel: () => (cancelled[at] = true) });
      return never;
    });
    say(frame(FRAME.loaded, 1, 0));
    const outcome = call(runner);
    await setImmediate();
    for (let at = 0; at < 3; at += 1) say(frame(FRAME.request, 1, 7, '1 fetch {}'));
    say(frame(FRAME.request, 1, 7, '99 fetch {}'));
    assert.deepEqual(cancelled, [false]);
    say(frame(FRAME.result, 1, 1, Buffer.concat([Buffer.alloc(16), Buffer.from('null')])));
    await outcome;
    assert.deepEqual(cancelled, [true]);
  });

  it('cannot count what is no amount', async () => {
    for (const said of [NaN, Infinity, -1, 1e300]) {
      const { cell, say } = startFake();
      const { runner } = startRunner(cell);
      say(frame(FRAME.loaded, 1, 0));
      const outcome = call(runner);
      await setImmediate();
      const cost = Buffer.alloc(16);
      cost.writeDoubleLE(said, 0);
      cost.writeDoubleLE(said, 8);
      say(frame(FRAME.result, 1, 1, Buffer.concat([cost, Buffer.from('null')])));
      const { receipt } = await outcome;
      assert.deepEqual([receipt.cpuMs, receipt.heapPeakBytes], [0, 0]);
    }
  });

  it('is killed or ignored, never obeyed, when it sends arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        const { cell, say, ends, killed } = startFake();
        const { runner } = startRunner(cell);
        runner.loaded.catch(() => undefined);
        for (const chunk of chunks) say(chunk);
        if (cell.ended)
          assert.deepEqual([ends.length, ends[0]?.cause, killed()], [1, 'protocol', true]);
      }),
      { numRuns: 500 },
    );
  });

  it('reads the same frames however they are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 60 }), (cuts) => {
        const { cell, say } = startFake();
        const logged: string[] = [];
        const slot = cell.open(
          { cpuMs: 1, memoryMiB: 1, scripts: [] },
          new Proxy({} as never, {
            get: (_target, name) => (_call: number, text: unknown) => {
              if (name === 'log') logged.push(String(text));
            },
          }),
        );
        const texts = ['', 'a', 'ü'.repeat(20), '{"level":"info"}'];
        const all = Buffer.concat(
          texts.map((text) => frame(FRAME.log, slot, 0, Buffer.from(text))),
        );
        let at = 0;
        for (const cut of cuts) {
          say(all.subarray(at, at + cut));
          at += cut;
        }
        say(all.subarray(at));
        assert.deepEqual(logged, texts);
      }),
    );
  });

  it('is killed for a frame over the size limit before its bytes have come', () => {
    const { cell, say, ends } = startFake();
    const head = Buffer.alloc(4);
    head.writeUInt32LE(LIMITS.frameBytes + 1);
    say(head);
    assert.ok(cell.ended);
    assert.equal(ends[0]?.cause, 'protocol');
  });

  it('is killed when it closes its pipe', async () => {
    const { hangUp, killed } = startFake();
    await hangUp();
    assert.ok(killed());
  });

  it('is killed for naming an isolate it never had', () => {
    const { cell, say, ends } = startFake();
    startRunner(cell).runner.loaded.catch(() => undefined);
    say(frame(FRAME.result, 7, 1, new Uint8Array(16)));
    assert.equal(ends[0]?.cause, 'protocol');
  });

  it('is killed for a flood of frames that answer nothing', () => {
    const { cell, say, ends } = startFake();
    startRunner(cell).runner.loaded.catch(() => undefined);
    const flood = Buffer.concat(Array.from({ length: 1_000 }, () => frame(200, 1, 0)));
    for (let at = 0; at < 11; at += 1) say(flood);
    assert.equal(ends[0]?.cause, 'protocol');
  });

  it('cannot use an upload to make the host hold more than a window', async () => {
    const { cell, say } = startFake();
    const { runner } = startRunner(cell);
    say(frame(FRAME.loaded, 1, 0));
    const outcome = call(runner).catch((error: unknown) => error);
    say(frame(FRAME.request, 1, 1, Buffer.from('1 fetch {"upload":true}')));
    const chunk = frame(FRAME.chunk, 1, 1, new Uint8Array(1_000));
    for (let at = 0; at < 20_000 && !cell.ended; at += 1) say(chunk);
    assert.ok(cell.ended || cell.running === 1);
    cell.kill({ cause: 'stopped', detail: 'the test is over' });
    assert.ok((await outcome) instanceof HostError);
  });
});
