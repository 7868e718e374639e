// Globals that are made when they are first looked at, because most isolates never need them. Whoever asks
// how such a property is defined sees the data property that it is going to be.

type Makers = Record<string, (() => unknown) | undefined>;

const { defineProperty } = Reflect;

/** By name, those that nobody has looked at yet. No prototype: a guest may change all that it reaches. */
const makers = Object.create(null) as Makers;

/** Adds a global that `make` gives a value once. */
export function defineLazy(name: string, make: () => unknown): void {
  let settled: { readonly value: unknown } | undefined;
  const settle = (value: unknown): unknown => {
    settled = { value };
    makers[name] = undefined;
    // Refused where the global scope is frozen: then it stays what it is now.
    defineProperty(globalThis, name, { value, writable: true, configurable: true });
    return value;
  };
  const get = (): unknown => (settled === undefined ? settle(make()) : settled.value);
  makers[name] = get;
  Object.defineProperty(globalThis, name, { configurable: true, get, set: settle });
}

/** Has the functions that show how a property is defined make it first. */
export function showLazy(): void {
  const ofObject = Object.getOwnPropertyDescriptor;
  const allOfObject = Object.getOwnPropertyDescriptors;
  const ofReflect = Reflect.getOwnPropertyDescriptor;
  const settle = (target: unknown, key: unknown): void => {
    if (target !== globalThis || typeof key !== 'string') return;
    const get = makers[key];
    // Whoever has put something else there, or nothing, is shown that.
    if (get !== undefined && ofObject(globalThis, key)?.get === get) get();
  };
  const names = Object.keys(makers);
  // Written as methods: neither constructors nor with a prototype, as the ones that they stand for.
  replace(Object, {
    getOwnPropertyDescriptor(target: object, key: PropertyKey) {
      settle(target, key);
      return ofObject(target, key);
    },
    getOwnPropertyDescriptors(target: object) {
      if (target === globalThis)
        for (let at = 0; at < names.length; at += 1) settle(target, names[at]);
      return allOfObject(target);
    },
  });
  replace(Reflect, {
    getOwnPropertyDescriptor(target: object, key: PropertyKey) {
      settle(target, key);
      return ofReflect(target, key);
    },
  });
}

function replace(owner: object, functions: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(functions)) {
    Object.defineProperty(owner, name, { value, writable: true, configurable: true });
  }
}
