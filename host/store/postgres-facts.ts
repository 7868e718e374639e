// The ledger in PostgreSQL. One batch of facts at a time over all hosts: places in the feed are then
// given in the order in which they can be read, and no reader's cursor passes one by.

import { assertRelated } from './facts.ts';
import type { FactRow, FactStore } from './facts.ts';
import { COLUMNS } from './postgres-columns.ts';
import { addAll } from './postgres-deliveries.ts';
import type { PgRun, PgSql } from './postgres-sql.ts';
import { askOf, factOf, factValues, relatedSumOf } from './rows.ts';
import { withinPgScope } from './scoped.ts';

const ONE = `SELECT ${COLUMNS.facts} FROM cofferdam.facts WHERE instance = $1 AND external_id = $2`;
/** Over the largest exact number a sum is cut: what is over it says only "too much". */
const RELATED = `SELECT kind, said_state, currency, count(*) AS count,
    least(sum(amount_minor), ${Number.MAX_SAFE_INTEGER})::bigint AS amount_minor
  FROM cofferdam.facts WHERE instance = $1 AND related_external_id = $2
  GROUP BY kind, said_state, currency`;
const ASKS = `SELECT ${COLUMNS.payment_asks} FROM cofferdam.payment_asks
  WHERE invoice_id IN ($1, $2) ORDER BY at_ms`;
const PUT = `INSERT INTO cofferdam.facts
  (${COLUMNS.facts})
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
  ON CONFLICT (instance, external_id) DO UPDATE SET
    seq = excluded.seq, kind = excluded.kind, said_state = excluded.said_state,
    state = excluded.state, amount_minor = excluded.amount_minor, currency = excluded.currency,
    invoice_id = excluded.invoice_id, fee_minor = excluded.fee_minor,
    related_external_id = excluded.related_external_id, refunded_minor = excluded.refunded_minor,
    matched = excluded.matched, problem = excluded.problem, changed_ms = excluded.changed_ms`;

type Batch = Parameters<FactStore['putFacts']>[0];

/** The ledger part of the store. */
export function createPgFacts(sql: PgSql): FactStore {
  return {
    putFacts: ({ message, ...batch }) =>
      sql.inTurn('facts', () =>
        sql.transaction(async (run) => {
          await run('LOCK TABLE cofferdam.facts IN SHARE ROW EXCLUSIVE MODE');
          const changed = await putAll(run, batch);
          await addAll(
            run,
            changed.map(message).filter((each) => each !== undefined),
          );
          return changed;
        }),
      ),
    async facts({ after, limit, instance, scope }) {
      const rows = await sql.read(
        `SELECT ${COLUMNS.facts} FROM cofferdam.facts
         WHERE seq > $1 AND ($2::text IS NULL OR instance = $2)
         AND ${withinPgScope('instance', '$3')} ORDER BY seq LIMIT $4`,
        ...[after, instance ?? null, scope ?? null, limit],
      );
      return rows.map(factOf);
    },
    async fact(instance, externalId) {
      const [row] = await sql.read(ONE, instance, externalId);
      return row === undefined ? undefined : factOf(row);
    },
    putPaymentAsk: ({ instance, invoiceId, amountMinor, currency, atMs }, keep) =>
      sql.transaction(async (run) => {
        await run(
          `INSERT INTO cofferdam.payment_asks (${COLUMNS.payment_asks})
           VALUES ($1, $2, $3, $4, $5)`,
          ...[invoiceId, instance, atMs, amountMinor, currency],
        );
        await run(
          `DELETE FROM cofferdam.payment_asks WHERE invoice_id = $1 AND instance = $2 AND seq NOT IN
           (SELECT seq FROM cofferdam.payment_asks WHERE invoice_id = $1 AND instance = $2
            ORDER BY at_ms DESC, seq DESC LIMIT $3)`,
          ...[invoiceId, instance, keep],
        );
      }),
  };
}

/** Puts the facts one by one; returns the rows that changed, as they are in the end. */
async function putAll(
  run: PgRun,
  { instance, nowMs, facts, rules }: Omit<Batch, 'message'>,
): Promise<FactRow[]> {
  const changed = new Map<string, FactRow>();
  const read = async (externalId: string): Promise<FactRow | undefined> => {
    const [row] = await run(ONE, instance, externalId);
    return row === undefined ? undefined : factOf(row);
  };
  const [last] = await run('SELECT COALESCE(MAX(seq), 0) AS seq FROM cofferdam.facts');
  let seq = Number(last?.['seq'] ?? 0);
  const put = async (before: FactRow | undefined, after: FactRow): Promise<void> => {
    if (before === after) return;
    seq += 1;
    const row = { ...after, seq };
    await run(PUT, ...factValues(row));
    changed.set(row.externalId, row);
  };
  const touched = new Set<string | null | undefined>();
  for (const fact of facts) {
    const known = await read(fact.externalId);
    const asks = await run(ASKS, fact.invoiceId ?? null, known?.invoiceId ?? null);
    const merged = rules.merge(known, fact, { instance, nowMs, asks: asks.map(askOf) });
    await put(known, merged);
    // A contradiction may have moved it from one payment to another: both are looked at.
    touched.add(merged.externalId).add(merged.relatedExternalId).add(known?.relatedExternalId);
  }
  // Once for each payment, whatever a batch says of it.
  for (const id of touched) {
    const row = await read(id ?? '');
    const related = (await run(RELATED, instance, id ?? '')).map(relatedSumOf);
    assertRelated(id ?? '', related);
    if (row !== undefined) await put(row, rules.settle(row, related, nowMs));
  }
  return [...changed.values()];
}
