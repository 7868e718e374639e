// Which claims have been held for too long. Kept by whoever looks, on a clock of its own that never goes
// back: no clock that is set, here or elsewhere, ends a claim whose work goes on.

import { LIMITS } from '../limits.ts';
import type { DeliveryRow } from './deliveries.ts';
import type { Row } from './rows.ts';

/**
 * A claim: a delivery that runs, and what it was when it was claimed. An attempt that is not counted has the
 * number of the one before, but has become due later.
 */
export type Claim = Pick<DeliveryRow, 'seq' | 'attempt' | 'dueMs'>;

/** The claims that one host sees. */
export class ClaimWatch {
  #sinceMs = new Map<string, number>();
  #lookedMs = Number.NEGATIVE_INFINITY;

  /** Whether the last look is long enough ago. */
  isDue(nowMs: number): boolean {
    return nowMs - this.#lookedMs >= LIMITS.claimLookMs;
  }

  /**
   * Takes what runs now, and tells which of it was seen running for `LIMITS.claimMs` on end.
   *
   * @param nowMs Of a clock that never goes back
   */
  look(running: readonly Row[], nowMs: number): Claim[] {
    this.#lookedMs = nowMs;
    const known = this.#sinceMs;
    const claims = running.map(claimOf);
    const since = (claim: Claim): number => known.get(keyOf(claim)) ?? nowMs;
    this.#sinceMs = new Map(claims.map((claim) => [keyOf(claim), since(claim)] as const));
    return claims.filter((claim) => nowMs - since(claim) >= LIMITS.claimMs);
  }
}

function claimOf({ seq, attempt, due_ms: dueMs }: Row): Claim {
  return { seq: Number(seq), attempt: Number(attempt), dueMs: Number(dueMs) };
}

function keyOf({ seq, attempt, dueMs }: Claim): string {
  return `${seq} ${attempt} ${dueMs}`;
}
