// Key-value storage of instances in SQLite: quota, expiry, listing by prefix, atomic change.

import type { Sql } from './sql.ts';
import type { Store } from './store.ts';

type Values = Pick<Store, 'value' | 'putValue' | 'removeValue' | 'values' | 'updateValue'>;
type Put = {
  key: string;
  text: string;
  expiresMs: number | null;
  nowMs: number;
  quotaBytes: number;
};

/** The storage part of the store. */
export function createValues(sql: Sql): Values {
  const read = (instance: string, key: string, nowMs: number): unknown => {
    const row = sql.get(
      'SELECT value FROM stored WHERE instance = ? AND key = ? AND (expires_ms IS NULL OR expires_ms > ?)',
      instance,
      key,
      nowMs,
    );
    return row === undefined ? null : JSON.parse(String(row['value']));
  };
  const put = (run: Run, instance: string, entry: Put): boolean => {
    const { key, text, expiresMs, nowMs, quotaBytes } = entry;
    const bytes = Buffer.byteLength(key) + Buffer.byteLength(text);
    const row = sql.get(
      `SELECT coalesce(sum(bytes) FILTER (WHERE expires_ms IS NULL OR expires_ms > ?), 0) AS bytes,
       count(*) FILTER (WHERE expires_ms <= ?) AS expired FROM stored WHERE instance = ? AND key <> ?`,
      ...[nowMs, nowMs, instance, key],
    );
    if (Number(row?.['expired'] ?? 0) > 0) {
      run('DELETE FROM stored WHERE instance = ? AND expires_ms <= ?', instance, nowMs);
    }
    if (Number(row?.['bytes'] ?? 0) + bytes > quotaBytes) return false;
    run(
      'INSERT OR REPLACE INTO stored (instance, key, value, bytes, expires_ms) VALUES (?, ?, ?, ?, ?)',
      ...[instance, key, text, bytes, expiresMs],
    );
    return true;
  };
  return {
    value: async (instance, key, nowMs) => read(instance, key, nowMs),
    putValue: (instance, { key, value, expiresMs }, bounds) =>
      sql.write((run) => {
        const text = JSON.stringify(value);
        return put(run, instance, { key, text, expiresMs, ...bounds });
      }),
    removeValue: (instance, key) =>
      sql.write(
        (run) => run('DELETE FROM stored WHERE instance = ? AND key = ?', instance, key) > 0,
      ),
    async values(instance, { prefix, after, limit, nowMs }) {
      const start = Buffer.from(prefix);
      const rows = sql.all(
        // Compared as bytes: substr of a text ends at a null character.
        `SELECT key, value FROM stored WHERE instance = ? AND key >= ? AND key > ?
         AND substr(CAST(key AS BLOB), 1, ?) = ? AND (expires_ms IS NULL OR expires_ms > ?)
         ORDER BY key LIMIT ?`,
        ...[instance, prefix, after, start.length, start, nowMs, limit],
      );
      return rows.map((row) => ({
        key: String(row['key']),
        value: JSON.parse(String(row['value'])) as unknown,
      }));
    },
    updateValue: (instance, key, { change, ...bounds }) =>
      sql.write((run) => {
        const changed = change(read(instance, key, bounds.nowMs));
        if (changed === undefined) return 'unchanged';
        const text = JSON.stringify(changed);
        return put(run, instance, { key, text, ...bounds }) ? 'changed' : 'over-quota';
      }),
  };
}

type Run = Parameters<Parameters<Sql['write']>[0]>[0];
