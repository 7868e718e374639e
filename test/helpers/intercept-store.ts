// A store whose operations pass through a function of the test: to fail, stop or be counted there.

import type { Store } from '../../host/store/store.ts';

/** One operation that is about to run; `run` runs it. */
export type StoreOperation = {
  readonly name: string;
  readonly args: readonly unknown[];
  run(): Promise<unknown>;
};

type Operation = (...args: readonly unknown[]) => Promise<unknown>;

/** They wait for others or tell of them: nothing is read or written. */
const PASSED: ReadonlySet<string> = new Set(['listen', 'ping']);

/** The same store, the one that exclusive work is given too; what `around` answers is what the caller gets. */
export function interceptStore(
  store: Store,
  around: (operation: StoreOperation) => Promise<unknown>,
): Store {
  const exclusive: Store['exclusive'] = (key, work, wait) =>
    store.exclusive(
      key,
      ({ signal, store: held }) =>
        work({ signal, store: held === store ? front : interceptStore(held, around) }),
      wait,
    );
  const front = new Proxy(store, {
    get(target, name) {
      if (name === 'exclusive') return exclusive;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || typeof name !== 'string') return value;
      const operation = value.bind(target) as Operation;
      if (PASSED.has(name)) return operation;
      return (...args: readonly unknown[]) => around({ name, args, run: () => operation(...args) });
    },
  });
  return front;
}
