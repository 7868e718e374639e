// The seam that hides isolated-vm, proven by a second engine: one that only answers. No V8 isolate is made.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { FRAME } from '../../../host/frames.ts';
import { platformOf } from '../../../host/sandbox/driver.ts';
import type { Driver, GuestPorts, TurnEnd } from '../../../host/sandbox/driver.ts';
import { unpackBlocks } from '../../../host/protocol.ts';
import { Slot } from '../../../host/sandbox/slot.ts';
import type { Draw } from '../../../host/sandbox/traced-call.ts';

type Seen = {
  readonly loaded: string[];
  readonly batches: string[];
  readonly clocks: (number | undefined)[];
  disposed: number;
};

/** Echoes the input of every call; `end` is how its turns end. */
function createEchoDriver(seen: Seen, end: TurnEnd = { end: 'ok' }): Driver {
  return {
    createIsolate({ ports }) {
      return {
        load({ name }) {
          seen.loaded.push(name);
          return name === 'broken' ? { end: 'threw', message: 'it is broken' } : { end: 'ok' };
        },
        enter(batch, _timeoutMs, atMs) {
          seen.batches.push(batch);
          seen.clocks.push(atMs);
          answer(batch, ports);
          return end;
        },
        cpuNs: () => BigInt(seen.batches.length) * 2_000n,
        heapBytes: () => 1_024,
        cacheOf: ({ name }) => Buffer.from(`cache of ${name}`),
        dispose: () => void (seen.disposed += 1),
      };
    },
  };
}

function answer(batch: string, ports: GuestPorts): void {
  for (let at = 0; at < batch.length;) {
    const colon = batch.indexOf(':', at);
    const [kind = 0, id = 0, length = 0] = batch.slice(at, colon).split(',').map(Number);
    const text = batch.slice(colon + 1, colon + 1 + length);
    if (text === 'draw') ports.send(FRAME.result, id, ports.ask('random', '8'));
    else if (text === 'wait') ports.ask('timer.set', `${id} 20`);
    // As the global fetch asks: it does not say for which call.
    else if (text === 'ask' || kind === FRAME.timer) ports.send(FRAME.request, id, '0 fetch null');
    else if (kind === FRAME.invoke) ports.send(FRAME.result, id, text);
    at = colon + 1 + length;
  }
}

function start(
  name: string,
  turnEnd?: TurnEnd,
): { slot: Slot; seen: Seen; frames: [number, number, string][]; end: TurnEnd } {
  const seen: Seen = { loaded: [], batches: [], clocks: [], disposed: 0 };
  const frames: [number, number, string][] = [];
  const slot = new Slot(
    createEchoDriver(seen, turnEnd),
    platformOf([{ name: 'main', code: '' }]),
    64,
  );
  const powers = {
    write: (kind: number, id: number, payload: Buffer | string) =>
      void frames.push([kind, id, payload.toString()]),
    // As the cell draws: from the call's own source where it has one.
    ask: (_operation: string, _text: string, draw?: Draw) => `+${draw?.(8).toString('hex') ?? ''}`,
    serve: () => Promise.reject(new Error('nothing is served')),
  };
  const end = slot.start(powers, { cpuMs: 100, scripts: [{ name, code: '', role: 'extension' }] });
  return { slot, seen, frames, end };
}

describe('a second engine behind the driver', () => {
  it('carries calls through a slot in one batch, with their cost in front of the result', () => {
    const { slot, seen, frames, end } = start('extension');
    assert.deepEqual([end, seen.loaded], [{ end: 'ok' }, ['extension']]);
    slot.push(FRAME.invoke, 7, Buffer.from('"ü"'));
    slot.push(FRAME.invoke, 8, Buffer.from('2'));
    slot.turn();
    assert.equal(seen.batches.length, 1);

    assert.deepEqual(
      frames.map(([kind, id]) => [kind, id]),
      [
        [FRAME.result, 7],
        [FRAME.result, 8],
      ],
    );
    assert.ok(frames[0]?.[2].endsWith('"ü"'));
  });

  it('answers with a code cache for each script that it is asked for', () => {
    const { slot, frames } = start('extension');
    slot.warm([
      { name: 'dependencies.js', code: '1' },
      { name: 'extension.js', code: '2' },
    ]);
    const [kind, id, text = ''] = frames[0] ?? [];
    assert.deepEqual([kind, id], [FRAME.caches, 0]);
    assert.deepEqual(unpackBlocks(Buffer.from(text)).map(String), [
      'cache of dependencies.js',
      'cache of extension.js',
    ]);
  });

  it('is disposed when a script of the bundle throws', () => {
    const { seen, end } = start('broken');
    assert.deepEqual([end, seen.disposed], [{ end: 'threw', message: 'it is broken' }, 1]);
  });

  it('is disposed and reported when a turn breaks a limit, and entered no more', () => {
    const { slot, seen, frames } = start('extension', { end: 'cpu' });
    slot.push(FRAME.invoke, 1, Buffer.from('1'));
    slot.turn();
    slot.push(FRAME.invoke, 2, Buffer.from('2'));
    slot.turn();
    assert.deepEqual([seen.batches.length, seen.disposed], [1, 1]);
    const fault = frames.find(([kind]) => kind === FRAME.fault)?.[2] ?? '';
    assert.deepEqual(JSON.parse(fault), {
      code: 'EXTENSION_CPU_EXCEEDED',
      limit: '100 ms in one turn',
    });
  });

  it('runs a traced call alone, by the clock that it is told, without showing its key', () => {
    const { slot, seen } = start('extension');
    const key = Buffer.alloc(32, 1).toString('base64');
    slot.push(FRAME.invoke, 1, Buffer.from('1'));
    slot.push(FRAME.invoke, 2, Buffer.from(`@1000 ${key}\n2`));
    slot.push(FRAME.invoke, 3, Buffer.from('3'));
    slot.push(FRAME.invoke, 4, Buffer.from('4'));
    slot.turn();
    assert.deepEqual(seen.batches, ['3,1,1:1', '3,2,1:2', '3,3,1:33,4,1:4']);
    assert.deepEqual(seen.clocks, [undefined, 1_000, undefined]);
  });

  it('draws for a traced call from its key alone, and for others not from it', () => {
    const { slot, frames } = start('extension');
    const key = (fill: number): string => Buffer.alloc(32, fill).toString('base64');
    const heads = [`@1 ${key(1)}\n`, `@2 ${key(2)}\n`, `@3 ${key(1)}\n`, '@4 \n', ''];
    for (const [id, head] of heads.entries())
      slot.push(FRAME.invoke, id, Buffer.from(`${head}draw`));
    slot.turn();
    const [first, other, again, fresh, plain] = frames.map(([, , text]) => text.slice(16));
    assert.match(first ?? '', /^\+[0-9a-f]{16}$/);
    assert.equal(again, first);
    assert.notEqual(other, first);
    assert.deepEqual([fresh, plain], ['+', '+']);
  });

  it('says whose turn it was in which a request was made that names no call', () => {
    const { slot, frames } = start('extension');
    slot.push(FRAME.invoke, 7, Buffer.from('ask'));
    slot.turn();
    assert.deepEqual(frames, [[FRAME.request, 7, '-7 fetch null']]);
  });

  it('gives each call turns of its own once it could not tell', () => {
    const { slot, seen, frames } = start('extension');
    for (const id of [1, 2]) slot.push(FRAME.invoke, id, Buffer.from('ask'));
    slot.turn();
    for (const id of [3, 4]) slot.push(FRAME.invoke, id, Buffer.from('ask'));
    slot.turn();
    assert.equal(seen.batches.length, 3);
    assert.deepEqual(
      frames.map(([, , text]) => text.split(' ')[0]),
      ['0', '0', '-3', '-4'],
    );
  });

  it('knows whose a timer is while that call runs', async () => {
    const { slot, frames } = start('extension');
    slot.push(FRAME.invoke, 1, Buffer.from('wait'));
    slot.turn();
    slot.push(FRAME.invoke, 2, Buffer.from('wait'));
    slot.turn();
    slot.push(FRAME.cancel, 2, Buffer.from(''));
    slot.turn();
    while (frames.length < 2) await new Promise(setImmediate);
    assert.deepEqual(frames.map(([, , text]) => text.split(' ')[0]).toSorted(), ['-1', '0']);
  });

  it('ends a timer of a traced call when it was to end, whenever the process comes to it', async () => {
    const { slot, seen } = start('extension');
    slot.push(FRAME.invoke, 1, Buffer.from('@1000 \nwait'));
    slot.turn();
    while (seen.clocks.length < 2) await new Promise(setImmediate);
    assert.deepEqual(seen.clocks, [1_000, 1_020]);
  });
});
