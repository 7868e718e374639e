// The seam that hides isolated-vm, proven by a second engine: one that only answers. No V8 isolate is made.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { FRAME } from '../../../host/frames.ts';
import type { Driver, GuestPorts, TurnEnd } from '../../../host/sandbox/driver.ts';
import { unpackBlocks } from '../../../host/protocol.ts';
import { Slot } from '../../../host/sandbox/slot.ts';

type Seen = { readonly loaded: string[]; readonly batches: string[]; disposed: number };

/** Echoes the input of every call; `end` is how its turns end. */
function createEchoDriver(seen: Seen, end: TurnEnd = { end: 'ok' }): Driver {
  return {
    createIsolate({ ports }) {
      return {
        load({ name }) {
          seen.loaded.push(name);
          return name === 'broken' ? { end: 'threw', message: 'it is broken' } : { end: 'ok' };
        },
        enter(batch) {
          seen.batches.push(batch);
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
    if (kind === FRAME.invoke)
      ports.send(FRAME.result, id, batch.slice(colon + 1, colon + 1 + length));
    at = colon + 1 + length;
  }
}

function start(
  name: string,
  turnEnd?: TurnEnd,
): { slot: Slot; seen: Seen; frames: [number, number, string][]; end: TurnEnd } {
  const seen: Seen = { loaded: [], batches: [], disposed: 0 };
  const frames: [number, number, string][] = [];
  const slot = new Slot(createEchoDriver(seen, turnEnd), { name: 'platform', code: '' }, 64);
  const powers = {
    write: (kind: number, id: number, payload: Buffer | string) =>
      void frames.push([kind, id, payload.toString()]),
    ask: () => '-nothing is asked',
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
});
