// Key-value storage of instances in SQLite: quota, expiry, listing by prefix, atomic change.

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { endOfPrefix, overListing } from './listing.ts';
import type { Sql } from './sql.ts';
import type { Totals } from './sqlite-totals.ts';
import type { Store, StoredValue } from './store.ts';

type Values = Pick<Store, 'value' | 'putValue' | 'removeValue' | 'values' | 'updateValue'>;
type Put = {
  key: string;
  text: string;
  expiresMs: number | null;
  nowMs: number;
  quotaBytes: number;
};

/** The storage part of the store. */
export function createValues(sql: Sql, totals: Totals): Values {
  const read = (instance: string, key: string, nowMs: number): unknown => {
    const row = sql.get(
      'SELECT value FROM stored WHERE instance = ? AND key = ? AND (expires_ms IS NULL OR expires_ms > ?)',
      instance,
      key,
      nowMs,
    );
    return row === undefined ? null : JSON.parse(String(row['value']));
  };
  /** Counts as gone what a DELETE of values returns. */
  const remove = (instance: string, which: string, ...values: (string | number)[]): number => {
    const total = totals.of(instance);
    const gone = sql.all(
      `DELETE FROM stored WHERE instance = ? AND ${which} RETURNING bytes`,
      ...[instance, ...values],
    );
    total.keys -= gone.length;
    total.bytes -= gone.reduce((sum, row) => sum + Number(row['bytes']), 0);
    return gone.length;
  };
  const put = (run: Run, instance: string, entry: Put): boolean => {
    const { key, text, expiresMs, nowMs, quotaBytes } = entry;
    remove(instance, 'expires_ms <= ?', nowMs);
    const total = totals.of(instance);
    const old = sql.get('SELECT bytes FROM stored WHERE instance = ? AND key = ?', instance, key);
    const bytes = Buffer.byteLength(key) + Buffer.byteLength(text);
    const after = {
      bytes: total.bytes - Number(old?.['bytes'] ?? 0) + bytes,
      keys: total.keys + (old === undefined ? 1 : 0),
    };
    if (after.bytes > quotaBytes || after.keys > LIMITS.storageKeys) return false;
    run(
      'INSERT OR REPLACE INTO stored (instance, key, value, bytes, expires_ms) VALUES (?, ?, ?, ?, ?)',
      ...[instance, key, text, bytes, expiresMs],
    );
    Object.assign(total, after);
    return true;
  };
  /** What fails is undone, alone or with the others of its commit; a change that refuses has done nothing. */
  const write = async <T>(instance: string, work: (run: Run) => T): Promise<T> => {
    try {
      return await sql.write(work);
    } catch (error) {
      if (!(error instanceof HostError) || error.code === 'HOST_STORE_FAILED') {
        totals.forget(instance);
      }
      throw error;
    }
  };
  return {
    value: async (instance, key, nowMs) => read(instance, key, nowMs),
    putValue: (instance, { key, value, expiresMs }, bounds) =>
      write(instance, (run) => {
        const text = JSON.stringify(value);
        return put(run, instance, { key, text, expiresMs, ...bounds });
      }),
    removeValue: (instance, key) => write(instance, () => remove(instance, 'key = ?', key) > 0),
    values: async (instance, options) => list(sql, instance, options),
    updateValue: (instance, key, { change, ...bounds }) =>
      write(instance, (run) => {
        const changed = change(read(instance, key, bounds.nowMs));
        if (changed === undefined) return 'unchanged';
        const text = JSON.stringify(changed);
        return put(run, instance, { key, text, ...bounds }) ? 'changed' : 'over-quota';
      }),
  };
}

function list(
  sql: Sql,
  instance: string,
  { prefix, after, limit, nowMs }: Parameters<Store['values']>[1],
): StoredValue[] {
  const start = Buffer.from(prefix);
  const end = endOfPrefix(prefix);
  // Compared as bytes: substr of a text ends at a null character.
  const which = `FROM stored WHERE instance = ? AND key >= ? AND key > ?
         ${end === undefined ? '' : 'AND key < ?'} AND substr(CAST(key AS BLOB), 1, ?) = ?
         AND (expires_ms IS NULL OR expires_ms > ?) ORDER BY key LIMIT ?`;
  const range = [instance, prefix, after, ...(end === undefined ? [] : [end])];
  const wanted = [...range, start.length, start, nowMs, limit];
  const sum = sql.get(`SELECT sum(bytes) AS bytes FROM (SELECT bytes ${which})`, ...wanted);
  if (Number(sum?.['bytes'] ?? 0) > LIMITS.storageListBytes) throw overListing();
  return sql.all(`SELECT key, value ${which}`, ...wanted).map((row) => ({
    key: String(row['key']),
    value: JSON.parse(String(row['value'])) as unknown,
  }));
}

type Run = Parameters<Parameters<Sql['write']>[0]>[0];
