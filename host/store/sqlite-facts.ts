// The ledger in SQLite. Rules are applied inside the transaction, so that two facts about one payment
// never see each other half done.

import { assertRelated } from './facts.ts';
import type { FactRow, FactStore } from './facts.ts';
import { askOf, factOf, factValues, relatedSumOf } from './rows.ts';
import { scopeText, withinScope } from './scoped.ts';
import type { Sql, Statements } from './sql.ts';
import { add } from './sqlite-deliveries.ts';

const PUT = `INSERT OR REPLACE INTO facts
  (instance, external_id, seq, kind, said_state, state, amount_minor, currency, invoice_id, fee_minor,
   related_external_id, refunded_minor, matched, problem, first_ms, changed_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const ONE = 'SELECT * FROM facts WHERE instance = ? AND external_id = ?';
const NEXT = 'SELECT COALESCE(MAX(seq), 0) + 1 AS next FROM facts';
const ASKS = 'SELECT * FROM payment_asks WHERE invoice_id IN (?, ?) ORDER BY at_ms';
/** Over the largest exact number a sum is cut: what is over it says only "too much". */
const RELATED = `SELECT kind, said_state, currency, count(*) AS count,
    min(total(amount_minor), ${Number.MAX_SAFE_INTEGER}) AS amount_minor
  FROM facts WHERE instance = ? AND related_external_id = ? GROUP BY kind, said_state, currency`;

type Batch = Parameters<FactStore['putFacts']>[0];

/** The ledger part of the store. */
export function createFacts(sql: Sql): FactStore {
  return {
    putFacts: ({ message, ...batch }) =>
      sql.write((run) => {
        const statements = { ...sql, run };
        const changed = putAll(statements, batch);
        for (const row of changed) {
          const delivery = message(row);
          if (delivery !== undefined) add(statements, delivery);
        }
        return changed;
      }),
    async facts({ after, limit, instance, scope }) {
      const rows = sql.all(
        `SELECT * FROM facts WHERE seq > ?1 AND (?2 IS NULL OR instance = ?2)
         AND ${withinScope('instance', '?3')} ORDER BY seq LIMIT ?4`,
        ...[after, instance ?? null, scopeText(scope), limit],
      );
      // Who reads on from a place that a crash takes back misses what comes to stand there instead.
      await sql.settled();
      return rows.map(factOf);
    },
    async fact(instance, externalId) {
      const row = sql.get(ONE, instance, externalId);
      return row === undefined ? undefined : factOf(row);
    },
    putPaymentAsk: ({ instance, invoiceId, amountMinor, currency, atMs }, keep) =>
      sql.write((run) => {
        run(
          'INSERT INTO payment_asks (invoice_id, instance, at_ms, amount_minor, currency) VALUES (?, ?, ?, ?, ?)',
          ...[invoiceId, instance, atMs, amountMinor, currency],
        );
        run(
          `DELETE FROM payment_asks WHERE invoice_id = ?1 AND instance = ?2 AND rowid NOT IN
           (SELECT rowid FROM payment_asks WHERE invoice_id = ?1 AND instance = ?2
            ORDER BY at_ms DESC, rowid DESC LIMIT ?3)`,
          ...[invoiceId, instance, keep],
        );
      }),
  };
}

/** Puts the facts one by one; returns the rows that changed, as they are in the end. */
function putAll(
  sql: Statements,
  { instance, nowMs, facts, rules }: Omit<Batch, 'message'>,
): FactRow[] {
  const changed = new Map<string, FactRow>();
  const read = (externalId: string): FactRow | undefined => {
    const row = sql.get(ONE, instance, externalId);
    return row === undefined ? undefined : factOf(row);
  };
  const put = (before: FactRow | undefined, after: FactRow): void => {
    if (before === after) return;
    const row = { ...after, seq: Number(sql.get(NEXT)?.['next'] ?? 1) };
    sql.run(PUT, ...factValues(row));
    changed.set(row.externalId, row);
  };
  const touched = new Set<string | null | undefined>();
  for (const fact of facts) {
    const known = read(fact.externalId);
    const asks = sql.all(ASKS, fact.invoiceId ?? null, known?.invoiceId ?? null).map(askOf);
    const merged = rules.merge(known, fact, { instance, nowMs, asks });
    put(known, merged);
    // A contradiction may have moved it from one payment to another: both are looked at.
    touched.add(merged.externalId).add(merged.relatedExternalId).add(known?.relatedExternalId);
  }
  // Once for each payment, whatever a batch says of it.
  for (const id of touched) {
    const row = read(id ?? '');
    const related = sql.all(RELATED, instance, id ?? '').map(relatedSumOf);
    assertRelated(id ?? '', related);
    if (row !== undefined) put(row, rules.settle(row, related, nowMs));
  }
  return [...changed.values()];
}
