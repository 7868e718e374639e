// Facts of gateways on their way into the ledger: read out of a handler's result, checked, recorded. What
// an extension says is a claim; amount, currency and owner are held against what the panel asked.

import * as z from 'zod';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { NewDelivery } from '../store/deliveries.ts';
import type { FactRow, FactStore } from '../store/facts.ts';
import { WindowCount } from '../window-count.ts';
import { LEDGER_RULES } from './merge.ts';

/** Handlers that ask a gateway to take money for an invoice. */
const ASKING: ReadonlySet<string> = new Set(['pay', 'charge']);

/** A text column of PostgreSQL holds no null character. */
const id = z
  .string()
  .min(1)
  .max(LIMITS.factIdChars)
  .regex(/^[^\0]*$/, 'must hold no null character');
const minor = z.int().min(0);

const fact = z.object({
  externalId: id,
  kind: z.enum(['payment', 'refund', 'dispute', 'token']),
  state: z.enum(['failed', 'processing', 'succeeded', 'refunded', 'disputed']),
  amountMinor: minor,
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code in upper case'),
  invoiceId: id.exactOptional(),
  feeMinor: z.int().exactOptional(),
  relatedExternalId: id.exactOptional(),
});
const withFacts = z.object({ facts: z.array(fact).max(LIMITS.factsPerResult).optional() });

const asked = z.object({
  invoice: z.object({ id }),
  amount: z.object({ amountMinor: minor, currency: z.string().max(3) }),
});

/** One entry of the ledger as the panel reads it. */
export type FactView = Omit<FactRow, 'seq' | 'saidState' | 'firstMs' | 'changedMs'> & {
  /** Give it as `after` to read on. */
  readonly cursor: string;
  /** ISO 8601 UTC */
  readonly at: string;
  readonly changedAt: string;
};

/** Keeps the ledger; `through` is what a call that runs under a key writes through. */
export type FactRecorder = {
  /** Remembers what a gateway is asked to take, before it is asked. */
  ask(instance: string, handler: string, inputText: string, through?: FactStore): Promise<void>;
  /**
   * Records the facts in a handler's result, if there are any. Those written before a failure stay.
   *
   * @throws {HostError} `EXTENSION_OUTPUT_INVALID` names the field of a fact that cannot be one;
   *   `EXTENSION_QUOTA_EXCEEDED` after `LIMITS.factsPerDay`
   */
  record(instance: string, resultText: string, through?: FactStore): Promise<readonly FactRow[]>;
};

/** @param message The message about a changed entry; undefined when nobody is to be told */
export function createFactRecorder({
  store,
  nowMs,
  message,
  onRecorded,
}: {
  readonly store: FactStore;
  readonly nowMs: () => number;
  readonly message: (row: FactRow) => NewDelivery | undefined;
  readonly onRecorded: (rows: readonly FactRow[]) => void;
}): FactRecorder {
  const today = new WindowCount(nowMs, LIMITS.dayMs);
  return {
    async ask(instance, handler, inputText, through = store) {
      if (!ASKING.has(handler)) return;
      const parsed = asked.safeParse(JSON.parse(inputText));
      // What does not say what it asks for is refused by the extension itself.
      if (!parsed.success) return;
      const { invoice, amount } = parsed.data;
      await through.putPaymentAsk(
        { instance, invoiceId: invoice.id, ...amount, atMs: nowMs() },
        LIMITS.asksPerInvoice,
      );
    },
    async record(instance, resultText, through = store) {
      // Most results have none, and parsing costs more than looking.
      if (!resultText.includes('"facts"')) return [];
      const facts = parseFacts(JSON.parse(resultText));
      if (facts.length === 0) return [];
      const { count, endMs } = today.add(instance, facts.length);
      if (count > LIMITS.factsPerDay) throw tooManyFacts(instance, endMs - nowMs());
      const changed: FactRow[] = [];
      for (let at = 0; at < facts.length; at += LIMITS.factsPerWrite) {
        const some = facts.slice(at, at + LIMITS.factsPerWrite);
        const batch = { instance, nowMs: nowMs(), facts: some, rules: LEDGER_RULES, message };
        const rows = await through.putFacts(batch);
        onRecorded(rows);
        changed.push(...rows);
      }
      return changed;
    },
  };
}

function tooManyFacts(instance: string, retryAfterMs: number): HostError {
  return new HostError(
    'EXTENSION_QUOTA_EXCEEDED',
    `"${instance}" told of over ${LIMITS.factsPerDay} facts within a day: these are not recorded`,
    {
      remedy: 'Look at its deliveries for what floods it; those that failed can be replayed later',
      details: { limit: LIMITS.factsPerDay, retryAfterMs },
    },
  );
}

/** An entry as the panel reads it. */
export function factView({ seq, saidState: _said, firstMs, changedMs, ...row }: FactRow): FactView {
  return {
    cursor: String(seq),
    ...row,
    at: new Date(firstMs).toISOString(),
    changedAt: new Date(changedMs).toISOString(),
  };
}

function parseFacts(result: unknown): z.infer<typeof fact>[] {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return [];
  const parsed = withFacts.safeParse(result);
  if (parsed.success) return parsed.data.facts ?? [];
  const [issue] = parsed.error.issues;
  const field = issue?.path.map(String).join('.') ?? 'facts';
  throw new HostError(
    'EXTENSION_OUTPUT_INVALID',
    `The handler's result has a fact that is none: "${field}": ${issue?.message ?? ''}`,
    { remedy: 'See Fact in cofferdam/sdk for the shape', details: { field } },
  );
}
