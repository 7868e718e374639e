// Everything a guest can reach in a fresh isolate, object by object, against the list of what is known. A
// new V8 that brings something fails here: read what it does before the list is changed
// (`node test/host/guest/intrinsics.test.ts --write` writes the list as it is now).

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { other, startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';

const FILE = join(import.meta.dirname, 'intrinsics.txt');

/** Walks from the global scope and from what only syntax reaches; one line per object that has members. */
const WALK = `
const nameOf = (key: any) => typeof key === 'symbol' ? '@' + String(key.description).replace('Symbol.', '') : key;
function walk() {
  const seeds: any = {
    '': globalThis,
    'function*': (function* () {}).constructor,
    'async function': (async () => {}).constructor,
    'async function*': (async function* () {}).constructor,
    'array iterator': Object.getPrototypeOf([][Symbol.iterator]()),
    'map iterator': Object.getPrototypeOf(new Map()[Symbol.iterator]()),
    'set iterator': Object.getPrototypeOf(new Set()[Symbol.iterator]()),
    'string iterator': Object.getPrototypeOf(''[Symbol.iterator]()),
    'regexp iterator': Object.getPrototypeOf('a'.matchAll(/a/g)),
    'iterator helper': Object.getPrototypeOf([].values().map((x) => x)),
    'wrapped iterator': Object.getPrototypeOf(Iterator.from({ next() {} } as any)),
    'async from sync': Object.getPrototypeOf((async function* () { yield* [1]; })()),
    'segments': new Intl.Segmenter().segment('a'),
    'segment iterator': Object.getPrototypeOf(new Intl.Segmenter().segment('a')[Symbol.iterator]()),
    'arguments': (function (..._: any[]) { return arguments; })(1),
    'template': ((strings: any) => strings)\`a\`,
    'date to temporal': (new Date(0) as any).toTemporalInstant?.() ?? {},
    'entries': new URLSearchParams('a=1').entries(),
    'stream iterator': Object.getPrototypeOf(new ReadableStream().values()),
    'pattern': new URLPattern({ pathname: '/a' }),
  };
  const seen = new Set<any>();
  const lines: string[] = [];
  const queue: [string, any][] = Object.entries(seeds);
  while (queue.length > 0) {
    const [path, value] = queue.shift()!;
    if (Object(value) !== value || seen.has(value)) continue;
    seen.add(value);
    const members: string[] = [];
    for (const key of Reflect.ownKeys(value)) {
      const name = nameOf(key);
      if (typeof value === 'function' && ['length', 'name', 'prototype'].includes(name)) continue;
      if (name === 'constructor') continue;
      const { value: inner, get, set } = Reflect.getOwnPropertyDescriptor(value, key)!;
      members.push((get ? 'get ' : '') + (set && !get ? 'set ' : '') + name);
      queue.push([path === '' ? name : path + '.' + name, inner]);
      // Lazy globals are classes behind an accessor.
      if (value === globalThis && get) queue.push([name, (globalThis as any)[key]]);
      queue.push([path + '.get ' + name, get], [path + '.set ' + name, set]);
    }
    for (const link of ['constructor', 'prototype']) {
      const found = Reflect.getOwnPropertyDescriptor(value, link);
      if (found) queue.push([path + '.' + link, found.value ?? found.get]);
    }
    queue.push([path + '.__proto__', Object.getPrototypeOf(value)]);
    if (members.length > 0) lines.push((path || 'globalThis') + ': ' + members.sort().join(' '));
  }
  return lines.sort();
}
`;

/** Every clock there is, before and after some milliseconds of work within one turn. */
const CLOCKS = `
const format = new Intl.DateTimeFormat('en', { minute: 'numeric', second: 'numeric', fractionalSecondDigits: 3 } as any);
const clocks: any = {
  'Date.now': () => Date.now(),
  'new Date': () => new Date().getTime(),
  'Reflect.construct': () => Reflect.construct(Date, [], Date).getTime(),
  'subclass': () => new (class extends Date {})().getTime(),
  'Date as a function': () => Date(),
  'performance.now': () => performance.now(),
  'event': () => new Event('x').timeStamp,
  'file': () => new File([], 'x').lastModified,
  'Intl format': () => format.format(),
  'Intl formatToParts': () => format.formatToParts().map((part) => part.value).join(''),
  'toLocaleString': () => new Date().toLocaleString(),
};
function readClocks() {
  const read = () => Object.fromEntries(Object.entries(clocks).map(([name, clock]: any) => [name, clock()]));
  const before = read();
  let sum = 0;
  for (let at = 0; at < 30_000_000; at += 1) sum += at % 7;
  const later = read();
  const fine = [Date.now(), performance.now(), performance.timeOrigin].filter((ms) => !Number.isInteger(ms));
  return { moved: Object.keys(clocks).filter((name) => before[name] !== later[name]), fine, sum };
}
`;

describe('what a guest can reach', { timeout: 60_000 }, () => {
  let host: TestHost;
  before(async () => {
    const body = `return input === 'clocks' ? readClocks() : walk();`;
    host = await startTestHost({ 'others/walker': { 'extension.ts': other(body, WALK + CLOCKS) } });
    await host.enable('others/walker');
  });
  after(() => host[Symbol.asyncDispose]());

  it('is on the list of what is known', async () => {
    const { body } = await host.call('others/walker', 'execute', 'walk');
    assert.ok(Array.isArray(body.result), JSON.stringify(body));
    const found = `${body.result.join('\n')}\n`;
    if (process.argv.includes('--write')) await writeFile(FILE, found);
    assert.deepEqual(found.split('\n'), (await readFile(FILE, 'utf8')).split('\n'));
  });

  it('has clocks of whole milliseconds that stand still within a turn', async () => {
    const { body } = await host.call('others/walker', 'execute', 'clocks');
    assert.deepEqual([body.result?.moved, body.result?.fine], [[], []], JSON.stringify(body));
  });
});
