// The shape that Web IDL gives to classes: enumerable members, tags and lengths as data, iterators with a
// prototype of their own. Each class of the platform is finished here once, when its module is loaded.

import { createSlots } from './slots.ts';

type Owner = object;
type Constructor = abstract new (...values: never[]) => Owner;
type Kind = 'key' | 'value' | 'pair';

const { defineProperty, getPrototypeOf } = Object;
const iteratorPrototype = getPrototypeOf(getPrototypeOf([][Symbol.iterator]())) as object;
const asyncGenerator = (async function* none(): AsyncGenerator<undefined> {})();
/** The prototype of every async iterator of the language. */
export const asyncIteratorPrototype = [1, 2, 3].reduce<object>(
  (object) => getPrototypeOf(object) as object,
  asyncGenerator,
);

/**
 * Gives a class the shape of the interface `name`.
 *
 * @param lengths Lengths of the functions that TypeScript's optional values make wrong; `constructor` is the class's
 */
export function defineInterface(
  Class: Constructor,
  name: string,
  lengths: Readonly<Record<string, number>> = {},
): void {
  const { prototype } = Class as { prototype: object };
  for (const owner of [Class, prototype]) {
    for (const key of Reflect.ownKeys(owner)) {
      if (typeof key !== 'string' || NOT_MEMBERS.has(key)) continue;
      defineProperty(owner, key, { enumerable: true });
      if (!Object.hasOwn(lengths, key)) continue;
      const member = Reflect.getOwnPropertyDescriptor(owner, key)?.value as unknown;
      if (typeof member === 'function') setLength(member, lengths[key] ?? 0);
    }
  }
  setLength(
    Class,
    Object.hasOwn(lengths, 'constructor') ? (lengths['constructor'] ?? 0) : Class.length,
  );
  defineProperty(Class, 'name', { value: name, configurable: true });
  defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}

const NOT_MEMBERS = new Set(['constructor', 'prototype', 'name', 'length']);

function setLength(member: object, value: number): void {
  defineProperty(member, 'length', { value, configurable: true });
}

/** Copies the members of another class: a Web IDL mixin. */
export function include(prototype: object, mixin: object): void {
  for (const [name, member] of Object.entries(Object.getOwnPropertyDescriptors(mixin))) {
    if (name !== 'constructor') defineProperty(prototype, name, member);
  }
}

/** Defines an attribute whose functions are named as those of a class body are. */
export function defineAttribute<T extends Owner>(
  prototype: object,
  name: string,
  { get, set }: { get: (owner: T) => unknown; set?: (owner: T, value: unknown) => void },
): void {
  const accessors = Object.getOwnPropertyDescriptor(
    {
      get [name](): unknown {
        return get(this as unknown as T);
      },
      set [name](value: unknown) {
        set?.(this as unknown as T, value);
      },
    },
    name,
  );
  defineProperty(prototype, name, {
    ...accessors,
    ...(set === undefined ? { set: undefined } : {}),
    enumerable: true,
  } as PropertyDescriptor);
}

/** What `defineIterable` adds to a class; declare them there. */
export type Iterated<K, V> = {
  entries(): IterableIterator<[K, V]>;
  keys(): IterableIterator<K>;
  values(): IterableIterator<V>;
  forEach(callback: (value: V, key: K, owner: never) => void, self?: unknown): void;
};

/**
 * Makes a class iterable over pairs.
 *
 * @param pairAt The pair of an owner at an index, looked up anew at each step; throws for what is no owner
 */
export function defineIterable<T extends Owner, K, V>(
  prototype: T,
  name: string,
  pairAt: (owner: T, at: number) => readonly [K, V] | undefined,
): void {
  const make = defineIterator(`${name} Iterator`, pairAt);
  const methods = {
    entries(this: T) {
      return make(this, 'pair');
    },
    keys(this: T) {
      return make(this, 'key');
    },
    values(this: T) {
      return make(this, 'value');
    },
    forEach(this: T, callback: (value: V, key: K, owner: T) => void, self?: unknown) {
      pairAt(this, 0);
      if (typeof callback !== 'function') throw new TypeError('forEach takes a function');
      for (let at = 0; ; at += 1) {
        const pair = pairAt(this, at);
        if (pair === undefined) return;
        callback.call(self, pair[1], pair[0], this);
      }
    },
  };
  setLength(methods.forEach, 1);
  for (const [key, value] of Object.entries(methods)) {
    defineProperty(prototype, key, { value, writable: true, configurable: true });
  }
  defineProperty(prototype, Symbol.iterator, {
    value: methods.entries,
    writable: true,
    configurable: true,
  });
}

function defineIterator<T extends Owner, K, V>(
  tag: string,
  pairAt: (owner: T, at: number) => readonly [K, V] | undefined,
): (owner: T, kind: Kind) => object {
  const states = createSlots<object, { readonly owner: T; readonly kind: Kind; at: number }>();
  const prototype = Object.create(iteratorPrototype) as object;
  const { next } = {
    next(this: object): { value: unknown; done: boolean } {
      const state = states.get(this);
      if (state === undefined) throw new TypeError('Illegal invocation');
      const pair = pairAt(state.owner, state.at);
      if (pair === undefined) return { value: undefined, done: true };
      state.at += 1;
      const [key, value] = pair;
      const { kind } = state;
      return { value: kind === 'key' ? key : kind === 'value' ? value : [key, value], done: false };
    },
  };
  defineProperty(prototype, 'next', {
    value: next,
    writable: true,
    enumerable: true,
    configurable: true,
  });
  defineProperty(prototype, Symbol.toStringTag, { value: tag, configurable: true });
  return (owner, kind) => {
    // Throws for what is no owner.
    pairAt(owner, 0);
    const iterator = Object.create(prototype) as object;
    states.set(iterator, { owner, kind, at: 0 });
    return iterator;
  };
}

/** The first `count` values must be there. */
export function needs(values: { readonly length: number }, count: number, name: string): void {
  if (values.length >= count) return;
  throw new TypeError(`${name} takes ${count === 1 ? 'a value' : `${count} values`}`);
}

/** A text as Web IDL's USVString: without lone surrogates. */
export function usv(value: unknown): string {
  return `${value as string}`.toWellFormed();
}

/** A dictionary: nothing, or an object to read members of. */
export function dictionary(value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' && typeof value !== 'function') {
    throw new TypeError('Options come as an object');
  }
  return value as Record<string, unknown>;
}
