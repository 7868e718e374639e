// Recordings and the journal of effects in PostgreSQL.

import { COLUMNS } from './postgres-columns.ts';
import type { CallRow, RecordingStore } from './recordings.ts';
import type { PgSql } from './postgres-sql.ts';
import { callOf, effectOf } from './rows.ts';
import { withinPgScope } from './scoped.ts';

const HEAD = COLUMNS.calls.replace('sealed', 'NULL AS sealed');

/** The recordings part of the store. */
export function createPgRecordings(sql: PgSql): RecordingStore {
  return {
    ...createJournal(sql),
    async putCalls(rows) {
      const column = <Name extends keyof CallRow>(name: Name): CallRow[Name][] =>
        rows.map((row) => row[name]);
      await sql.write(
        `INSERT INTO cofferdam.calls (${COLUMNS.calls})
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
           $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[])
         ON CONFLICT (call_id) DO UPDATE SET state = excluded.state, receipt = excluded.receipt,
           error = excluded.error, sealed = excluded.sealed`,
        ...[column('callId'), column('instance'), column('handler'), column('actor')],
        ...[column('state'), column('startedMs'), column('replayOf'), column('receipt')],
        ...[column('error'), column('sealed')],
      );
    },
    async calls({ instance, scope, state, before, limit }) {
      const place = before ?? { startedMs: Number.MAX_SAFE_INTEGER, callId: '' };
      const rows = await sql.read(
        `SELECT ${HEAD} FROM cofferdam.calls
         WHERE (started_ms, call_id) < ($1::bigint, $2::text)
           AND ($3::text IS NULL OR instance = $3) AND ($4::text IS NULL OR state = $4)
           AND ${withinPgScope('instance', '$6')}
         ORDER BY started_ms DESC, call_id DESC LIMIT $5`,
        ...[place.startedMs, place.callId, instance ?? null, state ?? null, limit],
        scope ?? null,
      );
      return rows.map(callOf).map(({ sealed: _sealed, ...row }): Omit<CallRow, 'sealed'> => row);
    },
    async call(callId) {
      const [row] = await sql.read(
        `SELECT ${COLUMNS.calls} FROM cofferdam.calls WHERE call_id = $1`,
        callId,
      );
      return row === undefined ? undefined : callOf(row);
    },
    async purgeCalls({ beforeMs, keep, limit }) {
      const rows = await sql.write(
        `DELETE FROM cofferdam.calls WHERE call_id IN (
           SELECT call_id FROM cofferdam.calls WHERE started_ms < GREATEST($1::bigint, COALESCE(
             (SELECT started_ms FROM cofferdam.calls
              ORDER BY started_ms DESC, call_id DESC LIMIT 1 OFFSET $2::bigint - 1), 0))
           LIMIT $3)
         RETURNING call_id`,
        ...[beforeMs, keep, limit],
      );
      return rows.length;
    },
  };
}

type Journal = Pick<
  RecordingStore,
  'putEffect' | 'endEffect' | 'effects' | 'removeEffects' | 'purgeEffects'
>;

function createJournal(sql: PgSql): Journal {
  return {
    async putEffect({ callId, sequence, instance, request, reply }) {
      await sql.write(
        `INSERT INTO cofferdam.effects (${COLUMNS.effects})
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (call_id, sequence) DO UPDATE SET
           request = excluded.request, reply = excluded.reply`,
        ...[callId, sequence, instance, request, reply],
      );
    },
    async endEffect({ callId, sequence, reply }) {
      await sql.write(
        'UPDATE cofferdam.effects SET reply = $1 WHERE call_id = $2 AND sequence = $3',
        ...[reply, callId, sequence],
      );
    },
    async effects(callId) {
      const text = `SELECT ${COLUMNS.effects} FROM cofferdam.effects WHERE call_id = $1
        ORDER BY sequence`;
      return (await sql.read(text, callId)).map(effectOf);
    },
    async removeEffects(callId) {
      await sql.write('DELETE FROM cofferdam.effects WHERE call_id = $1', callId);
    },
    async purgeEffects(limit) {
      const rows = await sql.write(
        `DELETE FROM cofferdam.effects WHERE (call_id, sequence) IN (
           SELECT call_id, sequence FROM cofferdam.effects AS e WHERE NOT EXISTS (
             SELECT 1 FROM cofferdam.deliveries WHERE target = e.instance AND kind = 'resume'
               AND dedupe = e.call_id AND state <> 'done')
           LIMIT $1)
         RETURNING call_id`,
        limit,
      );
      return rows.length;
    },
  };
}
