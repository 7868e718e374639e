// Globals that are made when they are first looked at, because most isolates never need them. Whoever asks
// how such a property is defined sees the data property that it is going to be.

type Makers = Record<string, (() => unknown) | undefined>;

/** By name, those that nobody has looked at yet. No prototype: a guest may change all that it reaches. */
const makers = Object.create(null) as Makers;

/** Adds a global that `make` gives a value once. */
export function defineLazy(name: string, make: () => unknown): void {
  const settle = (value: unknown): unknown => {
    makers[name] = undefined;
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
    return value;
  };
  const get = (): unknown => settle(make());
  makers[name] = get;
  Object.defineProperty(globalThis, name, { configurable: true, get, set: settle });
}

/** Has the functions that show how a property is defined make it first. */
export function showLazy(): void {
  const ofObject = Object.getOwnPropertyDescriptor;
  const allOfObject = Object.getOwnPropertyDescriptors;
  const ofReflect = Reflect.getOwnPropertyDescriptor;
  const settle = (target: unknown, key: unknown): void => {
    if (target === globalThis && typeof key === 'string') makers[key]?.();
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
