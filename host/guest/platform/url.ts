// URL and URLSearchParams; parsing is the cell's own (the same parser that decides about egress).

import { ask } from '../bridge.ts';
import { parse, stringify } from './natives.ts';
import { createSlots } from './slots.ts';
import { defineAttribute, defineInterface, defineIterable, needs, usv } from './webidl.ts';
import type { Iterated } from './webidl.ts';

type Parts = [
  href: string,
  origin: string,
  protocol: string,
  username: string,
  password: string,
  host: string,
  hostname: string,
  port: string,
  pathname: string,
  search: string,
  hash: string,
];

const PARTS = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const;

/** A parsed address. */
export class URL {
  #parts: Parts;
  #params: URLSearchParams | undefined;
  // Defined on the prototype below, all in the same way.
  declare protocol: string;
  declare username: string;
  declare password: string;
  declare host: string;
  declare hostname: string;
  declare port: string;
  declare pathname: string;
  declare search: string;
  declare hash: string;

  constructor(url: unknown, base?: unknown) {
    needs(arguments, 1, 'URL');
    this.#parts = read(url, base);
  }

  static parse(url: unknown, base?: unknown): URL | null {
    needs(arguments, 1, 'parse');
    return URL.canParse(url, base) ? new URL(url, base) : null;
  }

  static canParse(url: unknown, base?: unknown): boolean {
    needs(arguments, 1, 'canParse');
    const pair = toPair(url, base);
    try {
      ask('url.parse', stringify(pair));
      return true;
    } catch {
      // The answer to the question, not a failure.
      return false;
    }
  }

  get href(): string {
    return this.#parts[0];
  }
  set href(value: string) {
    this.#parts = read(value, undefined);
    this.#refresh();
  }
  get origin(): string {
    return this.#parts[1];
  }
  get searchParams(): URLSearchParams {
    this.#params ??= bindParams(this.#parts[9], (query) => {
      this.#set('search', query, false);
    });
    return this.#params;
  }
  toString(): string {
    return this.#parts[0];
  }
  toJSON(): string {
    return this.#parts[0];
  }
  #set(name: string, value: unknown, refresh: boolean): void {
    const text = `${value as string}`.toWellFormed();
    this.#parts = parse(ask('url.set', stringify([this.#parts[0], name, text]))) as Parts;
    if (refresh) this.#refresh();
  }

  #refresh(): void {
    if (this.#params !== undefined) reloadParams(this.#params, this.#parts[9]);
  }

  static {
    for (const [at, name] of PARTS.entries()) {
      if (name === 'href' || name === 'origin') continue;
      defineAttribute<URL>(URL.prototype, name, {
        get: (url) => url.#parts[at],
        set: (url, value) => url.#set(name, value, name === 'search'),
      });
    }
  }
}
defineInterface(URL, 'URL', { constructor: 1, parse: 1, canParse: 1 });

function read(url: unknown, base: unknown): Parts {
  return parse(ask('url.parse', stringify(toPair(url, base)))) as Parts;
}

function toPair(url: unknown, base: unknown): string[] {
  return base === undefined ? [usv(url)] : [usv(url), usv(base)];
}

type Pair = [name: string, value: string];
const lists = createSlots<
  URLSearchParams,
  { pairs: Pair[]; changed: ((query: string) => void) | undefined }
>();

function listOf(params: URLSearchParams): {
  pairs: Pair[];
  changed: ((query: string) => void) | undefined;
} {
  const list = lists.get(params);
  if (list === undefined) throw new TypeError('Illegal invocation');
  return list;
}

/** Names and values of a query. */
export class URLSearchParams implements Iterated<string, string> {
  declare entries: () => IterableIterator<Pair>;
  declare keys: () => IterableIterator<string>;
  declare values: () => IterableIterator<string>;
  declare forEach: Iterated<string, string>['forEach'];
  declare [Symbol.iterator]: () => IterableIterator<Pair>;

  constructor(init: unknown = '') {
    lists.set(this, { pairs: pairsFrom(init), changed: undefined });
  }

  get size(): number {
    return listOf(this).pairs.length;
  }
  append(name: string, value: string): void {
    needs(arguments, 2, 'append');
    listOf(this).pairs.push([usv(name), usv(value)]);
    update(this);
  }
  delete(name: string, value?: string): void {
    needs(arguments, 1, 'delete');
    const list = listOf(this);
    const wanted = usv(name);
    const only = value === undefined ? undefined : usv(value);
    list.pairs = list.pairs.filter(
      ([key, each]) => key !== wanted || (only !== undefined && each !== only),
    );
    update(this);
  }
  get(name: string): string | null {
    needs(arguments, 1, 'get');
    const wanted = usv(name);
    return listOf(this).pairs.find(([key]) => key === wanted)?.[1] ?? null;
  }
  getAll(name: string): string[] {
    needs(arguments, 1, 'getAll');
    const wanted = usv(name);
    return listOf(this)
      .pairs.filter(([key]) => key === wanted)
      .map(([, value]) => value);
  }
  has(name: string, value?: string): boolean {
    needs(arguments, 1, 'has');
    const wanted = usv(name);
    const only = value === undefined ? undefined : usv(value);
    return listOf(this).pairs.some(
      ([key, each]) => key === wanted && (only === undefined || each === only),
    );
  }
  set(name: string, value: string): void {
    needs(arguments, 2, 'set');
    const list = listOf(this);
    const wanted = usv(name);
    const first = list.pairs.find(([key]) => key === wanted);
    if (first === undefined) list.pairs.push([wanted, usv(value)]);
    else {
      first[1] = usv(value);
      list.pairs = list.pairs.filter((pair) => pair === first || pair[0] !== wanted);
    }
    update(this);
  }
  sort(): void {
    listOf(this).pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    update(this);
  }
  toString(): string {
    return serialize(listOf(this).pairs);
  }
}
defineIterable(
  URLSearchParams.prototype,
  'URLSearchParams',
  (params, at) => listOf(params).pairs[at],
);
defineInterface(URLSearchParams, 'URLSearchParams', { constructor: 0, delete: 1, has: 1 });

function bindParams(search: string, changed: (query: string) => void): URLSearchParams {
  const params = new URLSearchParams();
  lists.set(params, { pairs: parseQuery(search.slice(1)), changed });
  return params;
}

function reloadParams(params: URLSearchParams, search: string): void {
  listOf(params).pairs = parseQuery(search.slice(1));
}

function update(params: URLSearchParams): void {
  const { pairs, changed } = listOf(params);
  changed?.(serialize(pairs));
}

/** `application/x-www-form-urlencoded` text as pairs. */
export function parseQuery(text: string): Pair[] {
  return text === '' ? [] : (parse(ask('query.parse', text)) as Pair[]);
}

function serialize(pairs: readonly Pair[]): string {
  return pairs.length === 0 ? '' : ask('query.format', stringify(pairs));
}

function pairsFrom(init: unknown): Pair[] {
  if (typeof init !== 'object' && typeof init !== 'function') {
    const text = usv(init);
    return parseQuery(text.startsWith('?') ? text.slice(1) : text);
  }
  if (init === null) return parseQuery('null');
  if (typeof (init as Iterable<unknown>)[Symbol.iterator] === 'function') {
    return Array.from(init as Iterable<Iterable<unknown>>, (item) => {
      const pair = [...item];
      if (pair.length !== 2) throw new TypeError('Each item must be a pair of name and value');
      return [usv(pair[0]), usv(pair[1])] as Pair;
    });
  }
  const byName = new Map<string, string>();
  for (const key of Reflect.ownKeys(init as object)) {
    if (!Object.prototype.propertyIsEnumerable.call(init, key)) continue;
    if (typeof key === 'symbol') throw new TypeError('A name must be text');
    byName.set(usv(key), usv((init as Record<string, unknown>)[key]));
  }
  return [...byName];
}
