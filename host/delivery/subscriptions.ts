// Which instances want what: the enabled rows of the store, read again at most every half second.

import { LIMITS } from '../limits.ts';
import type { InstanceRow, Store } from '../store/store.ts';

/** The enabled instances with their grants. */
export class Subscriptions {
  readonly #store: Pick<Store, 'instances'>;
  readonly #steadyMs: () => number;
  #rows: Promise<readonly InstanceRow[]> | undefined;
  #untilMs = 0;

  /** @param steadyMs Milliseconds of a clock that is never set */
  constructor(store: Pick<Store, 'instances'>, steadyMs: () => number) {
    this.#store = store;
    this.#steadyMs = steadyMs;
  }

  /** Rows as they were within the last `LIMITS.subscriptionsMs`. */
  enabled(): Promise<readonly InstanceRow[]> {
    const now = this.#steadyMs();
    if (this.#rows === undefined || now >= this.#untilMs) {
      this.#untilMs = now + LIMITS.subscriptionsMs;
      const rows = this.#store.instances().then((all) => all.filter(({ enabled }) => enabled));
      // A failed read is reported to whoever waits for it, and not kept.
      rows.catch(() => this.forget());
      this.#rows = rows;
    }
    return this.#rows;
  }

  /** Reads anew at the next question: an instance has changed. */
  forget(): void {
    this.#rows = undefined;
  }
}

/** `category/name/instance` of a row. */
export function targetOf({ category, name, instance }: InstanceRow): string {
  return `${category}/${name}/${instance}`;
}
