// npm packages as they come: written for Node and bundlers, loaded in the sandbox.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { other, startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';

const PACKAGES: Readonly<Record<string, string>> = {
  'mapped/package.json': JSON.stringify({
    name: 'mapped',
    main: 'lib/index.js',
    browser: { './lib/node.js': './lib/browser.js' },
  }),
  'mapped/lib/index.js': `exports.where = require('./node.js').where;`,
  'mapped/lib/node.js': `exports.where = 'node';`,
  'mapped/lib/browser.js': `exports.where = 'browser';`,
  'optional/package.json': JSON.stringify({ name: 'optional', type: 'module', main: 'index.js' }),
  'optional/index.js': `export async function load() {
    try { return await import('is-not-installed'); } catch (error) { return error.message; }
  }`,
  'buffers/package.json': JSON.stringify({ name: 'buffers', type: 'module', main: 'index.js' }),
  'buffers/index.js': `export { looks } from './looks.js';
    export const basic = (text) => Buffer.from(text).toString('base64');`,
  'buffers/looks.js': `export const looks = () => typeof Buffer === 'undefined' ? 'none' : Buffer.from('a');`,
  'walker/package.json': JSON.stringify({ name: 'walker', type: 'module', main: 'index.js' }),
  'walker/index.js': `export const members = Reflect.ownKeys(globalThis.Atomics).length;`,
};
const CODE = other(
  `return [where, await load(), basic('é:x'), looks(), members, typeof (globalThis as any).Atomics, typeof (globalThis as any).Buffer];`,
  `import { where } from 'mapped';
import { load } from 'optional';
import { basic, looks } from 'buffers';
import { members } from 'walker';
declare const Buffer: any;`,
);

describe('packages in the sandbox', { timeout: 60_000 }, () => {
  let host: TestHost;
  before(async () => {
    const names = ['mapped', 'optional', 'buffers', 'walker'];
    const dependencies = Object.fromEntries(names.map((name) => [name, '1.0.0']));
    const modules = Object.entries(PACKAGES).map(([path, text]) => [`node_modules/${path}`, text]);
    host = await startTestHost({
      'others/uses': {
        'extension.ts': CODE,
        'package.json': JSON.stringify({ dependencies }),
        ...Object.fromEntries(modules),
      },
    });
    await host.enable('others/uses');
  });
  after(() => host[Symbol.asyncDispose]());

  it('find their browser files, their optional neighbours, a Buffer and every object', async () => {
    const { body } = await host.call('others/uses', 'execute', {});
    assert.deepEqual(body.result ?? body, [
      'browser',
      'Module "is-not-installed" does not exist in the sandbox',
      'w6k6eA==',
      'none',
      0,
      'undefined',
      'undefined',
    ]);
  });
});
