// What pages and actions show, and who asks: plain data for the panel to render.

import { fail, textOf } from 'cofferdam/sdk';
import type { Json, JsonObject } from 'cofferdam/sdk';

import type { Config } from './config.ts';
import { isId } from './events.ts';
import { standingOf } from './members.ts';
import type { Affiliate } from './members.ts';
import type { Statement } from './programme.ts';

/** Lines that one page shows. */
const LINES_PAGE = 200;

/** Who looks at a page or starts an action. */
export type Asker = { readonly id: string; readonly isAdmin: boolean };

/** Reads the panel's viewer or actor. @throws {ExtensionFailure} `unauthorized` without an id */
export function readAsker(given: JsonObject | undefined): Asker {
  const id = textOf(given?.['id']);
  if (id !== undefined && isId(id)) return { id, isAdmin: given?.['role'] === 'admin' };
  throw fail('unauthorized', 'Nobody is named who asks', {
    remedy: 'Send {"id": "<user>", "role": "admin" | "customer"} as viewer or actor',
  });
}

/** @throws {ExtensionFailure} `forbidden` for anybody but an admin */
export function demandAdmin(given: JsonObject | undefined): void {
  if (readAsker(given).isAdmin) return;
  throw fail('forbidden', 'Only an admin may do this', {
    remedy: 'Ask an admin of the panel',
  });
}

/** The id in a field. @throws {ExtensionFailure} `invalid_input` naming the field */
export function demandId(values: JsonObject, field: string): string {
  const id = textOf(values[field]);
  if (id !== undefined && isId(id)) return id;
  throw fail('invalid_input', `Field "${field}" must be an id of 1 to 80 visible characters`, {
    remedy: `Send "${field}"`,
  });
}

/** An affiliate as an admin sees it. */
export function showAffiliate(affiliate: Affiliate, config: Config): JsonObject {
  const standing = standingOf(affiliate);
  const basisPoints = standing?.rewardBasisPoints ?? null;
  return {
    id: affiliate.id,
    userId: affiliate.id,
    code: affiliate.codes.at(-1) ?? null,
    codes: affiliate.codes,
    createdAt: affiliate.createdAt,
    enabled: standing?.enabled ?? false,
    reward: basisPoints === null ? config.defaultReward : basisPoints / 100,
    hasOwnReward: basisPoints !== null,
    payoutTo: affiliate.payoutTo,
  };
}

/** Balances and the newest lines; `isAdmin` also shows which customers, and why something is held. */
export function showStatement(
  { lines, balances }: Statement,
  params: JsonObject,
  isAdmin: boolean,
): { balances: Json; lines: Json; next: number | null } {
  const skip = readNumber(params['skip'], 0, 1_000_000);
  const newest = lines.toReversed();
  const shown = newest.slice(skip, skip + LINES_PAGE);
  return {
    balances: balances.map((balance) => ({ ...balance })),
    lines: shown.map(({ userId, reason, ...line }) => ({
      ...line,
      ...(isAdmin ? { userId, reason } : {}),
    })),
    next: skip + LINES_PAGE < newest.length ? skip + LINES_PAGE : null,
  };
}

/** A whole number from a form or a query; `fallback` when it is absent. */
export function readNumber(value: Json | undefined, fallback: number, max: number): number {
  if (value === undefined || value === null || value === '') return fallback;
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0 && number <= max) return number;
  throw fail('invalid_input', `"${String(value)}" must be a whole number from 0 to ${max}`);
}
