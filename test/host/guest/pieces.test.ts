// The pieces of the platform in a real isolate: when they are loaded, and what a guest can put in their place.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';

import { createBundleOwn } from '../../../host/build/own-script.ts';
import { buildPlatform } from '../../../host/build/platform.ts';
import { FRAME } from '../../../host/frames.ts';
import { unpackBlocks } from '../../../host/protocol.ts';
import { createCellServices } from '../../../host/sandbox/ask/index.ts';
import { platformOf } from '../../../host/sandbox/driver.ts';
import type { Platform } from '../../../host/sandbox/driver.ts';
import { createIvmDriver } from '../../../host/sandbox/isolate.ts';
import { Slot } from '../../../host/sandbox/slot.ts';

describe('pieces of the platform', { timeout: 60_000 }, () => {
  let platform: Platform;
  before(async () => {
    const blocks = unpackBlocks((await buildPlatform(createBundleOwn(new Set()))).greeting);
    platform = platformOf(
      blocks.flatMap((name, at) =>
        at % 3 === 0 ? [{ name: String(name), code: String(blocks[at + 1]) }] : [],
      ),
    );
  });

  /** Runs `body` as a handler; resolves with its result and the pieces that were loaded for it, in order. */
  async function run(body: string): Promise<{ result: unknown; loaded: string[] }> {
    const loaded: string[] = [];
    const get = (name: string): ReturnType<Platform['pieces']['get']> => {
      loaded.push(name);
      return platform.pieces.get(name);
    };
    const spied = { main: platform.main, pieces: { get } as Platform['pieces'] };
    const slot = new Slot(createIvmDriver(assert.fail), spied, 64);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const write = (kind: number, _id: number, payload: Buffer | string): void => {
      // Sixteen bytes of cost come before the text.
      if (kind === FRAME.result) resolve(JSON.parse(Buffer.from(payload).toString('utf8', 16)));
      if (kind === FRAME.failure || kind === FRAME.fault) resolve(payload.toString());
    };
    const code = `(function (module, require) { "use strict"; module.exports = { default: { async execute(input, ctx) { ${body} } } }; })`;
    const end = slot.start(
      { ...createCellServices(), write },
      { cpuMs: 5_000, scripts: [{ name: 'extension.js', code, role: 'extension' }] },
    );
    assert.deepEqual(end, { end: 'ok' });
    slot.push(FRAME.invoke, 1, Buffer.from('{"call":{"id":"1","handler":"execute"},"input":null}'));
    slot.turn();
    const result = await promise;
    slot.dispose();
    return { result, loaded };
  }

  it('stay unloaded for an extension that looks around and logs', async () => {
    const { result, loaded } = await run(
      `console.log('a'); setTimeout(() => {}, 1); ctx.log.info('b');
       return [typeof fetch, typeof ctx.fetch, 'URL' in globalThis, Object.keys(globalThis).join(), fetch.name];`,
    );
    assert.deepEqual(
      [result, loaded],
      [['function', 'function', true, 'crypto,performance', 'fetch'], []],
    );
  });

  it('are loaded once each, with those they need', async () => {
    const { result, loaded } = await run(
      `new URL('https://a.b'); const { name } = URL; new URLSearchParams();
       return [name, btoa('x'), ctx.call.signal.aborted, new AbortController().signal instanceof EventTarget];`,
    );
    assert.deepEqual(result, ['URL', 'eA==', false, true]);
    assert.deepEqual(loaded, ['url', 'encoding', 'dom-exception', 'events']);
  });

  it('share what there is once: an error of one piece is an instance of the class of another', async () => {
    const { result } = await run(
      `const caught = []; try { atob('!'); } catch (error) { caught.push(error); }
       try { structuredClone(() => 1); } catch (error) { caught.push(error); }
       return caught.map((error) => error instanceof DOMException && error.name);`,
    );
    assert.deepEqual(result, ['InvalidCharacterError', 'DataCloneError']);
  });

  it('never come back in place of what a guest has defined or deleted', async () => {
    const { result } = await run(
      `Object.defineProperty(globalThis, 'Blob', { value: 1, configurable: true }); delete globalThis.File; URL = 2;
       const seen = ['Blob', 'File', 'URL'].map((name) => Object.getOwnPropertyDescriptor(globalThis, name)?.value ?? null);
       return [seen, Reflect.getOwnPropertyDescriptor(globalThis, 'Blob').value, Object.getOwnPropertyDescriptors(globalThis).Blob.value, 'File' in globalThis];`,
    );
    assert.deepEqual(result, [[1, null, 2], 1, 1, false]);
  });

  it('are there in a global scope that was frozen before', async () => {
    const { result } = await run(
      `Object.freeze(globalThis); return [new URL('https://a.b').host, URL === URL, new Response('x').status];`,
    );
    assert.deepEqual(result, ['a.b', true, 200]);
  });

  it('do without what a guest has replaced in the language before they are loaded', async () => {
    const { result } = await run(
      `const taken = []; const { defineProperty, getOwnPropertyDescriptor } = Object; const isNative = Function.prototype.toString.call.bind(Function.prototype.toString);
       const note = (...values) => { for (const each of values) { if (typeof each === 'function') taken.push(each); else if (typeof each === 'object' && each !== null) note(each.get, each.set, each.value); } };
       Object.defineProperty = (...values) => { note(...values); return defineProperty(...values); };
       Object.getOwnPropertyDescriptor = (...values) => { const found = getOwnPropertyDescriptor(...values); note(found); return found; };
       WeakMap.prototype.set = function (...values) { note(...values); return this; };
       fetch('https://a.b').catch(() => undefined);
       return [taken.length > 0, taken.some((each) => /native code/.test(isNative(each)))];`,
    );
    // The two functions of the cell are the only native ones that it could have got.
    assert.deepEqual(result, [true, false]);
  });
});
