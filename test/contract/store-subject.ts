// A driver as the claims about stores need it, and the rows that they share. `store.ts` holds the claims.

import type { InstanceRow, Store } from '../../host/store/store.ts';

/** An empty store, fresh for each claim. */
export type OpenedStore = AsyncDisposable & {
  readonly store: Store;
  /** Opens what it keeps once more, as another host or the next start does; closed with the rest. */
  again(): Promise<Store>;
  /** What `test/fixtures/store-writer.ts` opens the same store by. */
  readonly location: string;
};

/** A driver. */
export type StoreSubject = {
  readonly driver: Store['driver'];
  open(): Promise<OpenedStore>;
};

/** An instance of `others/echo`; `more` replaces fields. */
export function instanceRow(instance: string, more: Partial<InstanceRow> = {}): InstanceRow {
  return {
    category: 'others',
    name: 'echo',
    instance,
    enabled: false,
    trusted: null,
    pinned: null,
    config: {},
    configVersion: 0,
    grants: null,
    asked: null,
    installedVersion: null,
    ...more,
  };
}

/** Two hosts on one store: even numbers get one, odd numbers the other. */
export async function twoHosts(opened: OpenedStore): Promise<(at: number) => Store> {
  const other = await opened.again();
  return (at) => (at % 2 === 0 ? opened.store : other);
}
