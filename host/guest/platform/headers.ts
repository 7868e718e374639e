// Headers, by the Fetch standard. Names are kept in lower case, values as they came.

/** `none`: free; `immutable`: of a response that came in. */
export type Guard = 'none' | 'immutable';

type State = { list: [name: string, value: string][]; guard: Guard };

const states = new WeakMap<Headers, State>();
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
  states.set(headers, { list, guard });
  return headers;
}

/** All pairs in order of arrival, names in lower case. */
export function headerList(headers: Headers): readonly [string, string][] {
  return stateOf(headers).list;
}

/** Header fields by name. */
export class Headers {
  constructor(init?: unknown) {
    states.set(this, { list: [], guard: 'none' });
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

  forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void {
    if (typeof callback !== 'function') throw new TypeError('forEach takes a function');
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries(): IterableIterator<[string, string]> {
    // Looked up anew at each step: what is added meanwhile is seen, as the standard says.
    for (let at = 0; ; at += 1) {
      const pair = sorted(stateOf(this).list)[at];
      if (pair === undefined) return;
      yield pair;
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'Headers';
  }
}
Object.defineProperty(Headers.prototype, Symbol.iterator, {
  value: Headers.prototype.entries,
  writable: true,
  configurable: true,
});
for (const name of [
  'append',
  'delete',
  'get',
  'getSetCookie',
  'has',
  'set',
  'forEach',
  'entries',
  'keys',
  'values',
]) {
  Object.defineProperty(Headers.prototype, name, { enumerable: true });
}

/** Adds every pair of `init`: Headers, pairs, or an object. */
export function fill(headers: Headers, init: unknown): void {
  if (init === null || (typeof init !== 'object' && typeof init !== 'function')) {
    throw new TypeError('Headers are made of Headers, of pairs or of an object');
  }
  const { list } = stateOf(headers);
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

function needs(values: IArguments, count: number, name: string): void {
  if (values.length < count) throw new TypeError(`${name} takes ${count} values`);
}
