// What the values of each instance take, kept in memory: to add it up for each write reads every row, and
// one extension with many small values would hold up the thread that serves all. The file stays the truth.

import type { Sql } from './sql.ts';

/** Bytes and keys of one instance; whoever writes its values keeps it right. */
export type Total = { bytes: number; keys: number };

/** The totals of one connection. */
export type Totals = {
  /** Added up when it is not known, or another connection has written. Used inside a write. */
  of(instance: string): Total;
  /** What was kept is no longer sure. */
  forget(instance: string): void;
};

/** Makes them; nothing is known at first. */
export function createTotals(sql: Sql): Totals {
  const known = new Map<string, Total>();
  let version: unknown;
  return {
    of(instance) {
      const now = sql.get('PRAGMA data_version')?.['data_version'];
      if (now !== version) known.clear();
      version = now;
      let total = known.get(instance);
      if (total === undefined) {
        const row = sql.get(
          'SELECT coalesce(sum(bytes), 0) AS bytes, count(*) AS keys FROM stored WHERE instance = ?',
          instance,
        );
        total = { bytes: Number(row?.['bytes']), keys: Number(row?.['keys']) };
        known.set(instance, total);
      }
      return total;
    },
    forget: (instance) => void known.delete(instance),
  };
}
