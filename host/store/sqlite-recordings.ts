// Recordings and the journal of effects in SQLite.

import type { CallRow, RecordingStore } from './recordings.ts';
import { callOf, callValues, effectOf } from './rows.ts';
import { scopeText, withinScope } from './scoped.ts';
import type { Sql } from './sql.ts';

const COLUMNS = 'call_id, instance, handler, actor, state, started_ms, replay_of, receipt, error';

/** The recordings part of the store. */
export function createRecordings(sql: Sql): RecordingStore {
  return {
    putCalls: (rows) =>
      sql.write((run) => {
        for (const row of rows) {
          const text = `INSERT OR REPLACE INTO calls (${COLUMNS}, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
          run(text, ...callValues(row));
        }
      }),
    async calls({ instance, scope, state, before, limit }) {
      const place = before ?? { startedMs: Number.MAX_SAFE_INTEGER, callId: '' };
      const rows = sql.all(
        `SELECT ${COLUMNS}, NULL AS sealed FROM calls
         WHERE (started_ms, call_id) < (?, ?) AND (?3 IS NULL OR instance = ?3)
           AND (?4 IS NULL OR state = ?4) AND ${withinScope('instance', '?6')}
         ORDER BY started_ms DESC, call_id DESC LIMIT ?5`,
        ...[place.startedMs, place.callId, instance ?? null, state ?? null, limit],
        scopeText(scope),
      );
      return rows.map(callOf).map(({ sealed: _sealed, ...row }): Omit<CallRow, 'sealed'> => row);
    },
    async call(callId) {
      const row = sql.get('SELECT * FROM calls WHERE call_id = ?', callId);
      return row === undefined ? undefined : callOf(row);
    },
    purgeCalls: ({ beforeMs, keep, limit }) =>
      sql.write((run) =>
        run(
          `DELETE FROM calls WHERE call_id IN (
             SELECT call_id FROM calls WHERE started_ms < MAX(?1, COALESCE(
               (SELECT started_ms FROM calls ORDER BY started_ms DESC, call_id DESC LIMIT 1 OFFSET ?2 - 1), 0))
             LIMIT ?3)`,
          ...[beforeMs, keep, limit],
        ),
      ),
    putEffect: ({ callId, sequence, instance, request, reply }) =>
      sql.write(
        (run) =>
          void run(
            'INSERT OR REPLACE INTO effects (call_id, sequence, instance, request, reply) VALUES (?, ?, ?, ?, ?)',
            ...[callId, sequence, instance, request, reply],
          ),
      ),
    endEffect: ({ callId, sequence, reply }) =>
      sql.write(
        (run) =>
          void run(
            'UPDATE effects SET reply = ? WHERE call_id = ? AND sequence = ?',
            ...[reply, callId, sequence],
          ),
      ),
    async effects(callId) {
      const text = 'SELECT * FROM effects WHERE call_id = ? ORDER BY sequence';
      return sql.all(text, callId).map(effectOf);
    },
    removeEffects: (callId) =>
      sql.write((run) => void run('DELETE FROM effects WHERE call_id = ?', callId)),
    purgeEffects: (limit) =>
      sql.write((run) =>
        run(
          `DELETE FROM effects WHERE (call_id, sequence) IN (
             SELECT call_id, sequence FROM effects AS e WHERE NOT EXISTS (
               SELECT 1 FROM deliveries WHERE target = e.instance AND kind = 'resume'
                 AND dedupe = e.call_id AND state <> 'done')
             LIMIT ?)`,
          limit,
        ),
      ),
  };
}
