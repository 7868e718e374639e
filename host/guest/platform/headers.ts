// Headers, by the Fetch standard. Names are kept in lower case, values as they came.

import { createSlots } from './slots.ts';
import { defineInterface, defineIterable, needs } from './webidl.ts';
import type { Iterated } from './webidl.ts';

/** `none`: free; `immutable`: of a response that came in. */
export type Guard = 'none' | 'immutable';

type Pair = [name: string, value: string];
type State = {
  list: Pair[];
  guard: Guard;
  /** The list as iterators show it; made when one looks, forgotten on every change. */
  sorted: readonly Pair[] | undefined;
};

const states = createSlots<Headers, State>();
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BAD_VALUE = /[\0\r\n]|[^\0-\xff]/;

function stateOf(headers: Headers): State {
  const state = states.get(headers);
  if (state === undefined) throw new TypeError('Illegal invocation');
  return state;
}

/** Makes headers of a message that came in or is made inside. */
export function createHeaders(list: [string, string][], guard: Guard): Headers {
  const headers = new Headers();
  states.set(headers, { list, guard, sorted: undefined });
  return headers;
}

/** All pairs in order of arrival, names in lower case. */
export function headerList(headers: Headers): readonly [string, string][] {
  return stateOf(headers).list;
}

/** Header fields by name. */
export class Headers implements Iterated<string, string> {
  declare entries: () => IterableIterator<Pair>;
  declare keys: () => IterableIterator<string>;
  declare values: () => IterableIterator<string>;
  declare forEach: Iterated<string, string>['forEach'];
  declare [Symbol.iterator]: () => IterableIterator<Pair>;

  constructor(init?: unknown) {
    states.set(this, { list: [], guard: 'none', sorted: undefined });
    if (init === undefined) return;
    fill(this, init);
  }

  append(name: string, value: string): void {
    needs(arguments, 2, 'append');
    const pair: [string, string] = [toName(name), toValue(value)];
    writable(this).list.push(pair);
  }

  delete(name: string): void {
    needs(arguments, 1, 'delete');
    const wanted = toName(name);
    const state = writable(this);
    state.list = state.list.filter(([key]) => key !== wanted);
  }

  get(name: string): string | null {
    needs(arguments, 1, 'get');
    const wanted = toName(name);
    const values = stateOf(this).list.filter(([key]) => key === wanted);
    return values.length === 0 ? null : values.map(([, value]) => value).join(', ');
  }

  getSetCookie(): string[] {
    return stateOf(this)
      .list.filter(([key]) => key === 'set-cookie')
      .map(([, value]) => value);
  }

  has(name: string): boolean {
    needs(arguments, 1, 'has');
    const wanted = toName(name);
    return stateOf(this).list.some(([key]) => key === wanted);
  }

  set(name: string, value: string): void {
    needs(arguments, 2, 'set');
    const pair: [string, string] = [toName(name), toValue(value)];
    const state = writable(this);
    const at = state.list.findIndex(([key]) => key === pair[0]);
    if (at < 0) state.list.push(pair);
    else {
      state.list[at] = pair;
      state.list = state.list.filter((each, index) => index <= at || each[0] !== pair[0]);
    }
  }
}
defineIterable(Headers.prototype, 'Headers', (headers, at) => {
  const state = stateOf(headers);
  state.sorted ??= sorted(state.list);
  return state.sorted[at];
});
defineInterface(Headers, 'Headers', { constructor: 0 });

/** Adds every pair of `init`: Headers, pairs, or an object. */
export function fill(headers: Headers, init: unknown): void {
  if (init === null || (typeof init !== 'object' && typeof init !== 'function')) {
    throw new TypeError('Headers are made of Headers, of pairs or of an object');
  }
  const { list } = writable(headers);
  const own = states.get(init as Headers);
  if (own !== undefined && (init as Headers)[Symbol.iterator] === Headers.prototype.entries) {
    list.push(...own.list.map(([name, value]): [string, string] => [name, value]));
    return;
  }
  if ((init as Iterable<unknown>)[Symbol.iterator] !== undefined) {
    for (const item of init as Iterable<Iterable<unknown>>) {
      const pair = [...item];
      if (pair.length !== 2) throw new TypeError('Each item must be a pair of name and value');
      list.push([toName(pair[0]), toValue(pair[1])]);
    }
    return;
  }
  for (const key of Reflect.ownKeys(init)) {
    const found = Reflect.getOwnPropertyDescriptor(init, key);
    if (found?.enumerable !== true) continue;
    if (typeof key === 'symbol') throw new TypeError('A header name must be text');
    list.push([toName(key), toValue((init as Record<string, unknown>)[key])]);
  }
}

function sorted(list: readonly [string, string][]): [string, string][] {
  const names = [...new Set(list.map(([name]) => name))].sort();
  return names.flatMap((name) => {
    const values = list.filter(([key]) => key === name).map(([, value]) => value);
    if (name === 'set-cookie') return values.map((value): [string, string] => [name, value]);
    return [[name, values.join(', ')]] as [string, string][];
  });
}

function writable(headers: Headers): State {
  const state = stateOf(headers);
  if (state.guard === 'immutable') throw new TypeError('These headers cannot be changed');
  state.sorted = undefined;
  return state;
}

function toName(value: unknown): string {
  const name = `${value as string}`;
  if (!NAME.test(name)) throw new TypeError(`"${name.slice(0, 100)}" is not a header name`);
  return name.toLowerCase();
}

function toValue(value: unknown): string {
  const text = `${value as string}`.replaceAll(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (BAD_VALUE.test(text)) {
    throw new TypeError('A header value holds characters that no header can carry');
  }
  return text;
}
