// Affiliates and their codes. One user is one affiliate; a code belongs to one affiliate for ever.

import { fail, randomText } from 'cofferdam/sdk';
import type { JsonObject, Storage } from 'cofferdam/sdk';

import { NO_CUSTOMER } from './documents.ts';
import type { Customer } from './documents.ts';
import { amend, isSame, KEYS } from './keep.ts';
import { signalsOf } from './signals.ts';
import type { Standing } from './statement.ts';

/** An affiliate; its id is the id of its user. */
export type Affiliate = {
  readonly id: string;
  readonly createdAt: string;
  /** The one to show is the last; older ones keep working. */
  readonly codes: string[];
  readonly standings: Standing[];
  readonly signals: string[];
  /** Where payouts go, in the affiliate's own words */
  readonly payoutTo: string | null;
};

const CODE = /^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$/;
/** Without 0, O, 1, I and L: people read codes aloud. */
const ALPHABET = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
const RANDOM_CHARS = 8;
const RANDOM_TRIES = 10;
const CODES_MAX = 20;
const STANDINGS_MAX = 200;
const SIGNALS_MAX = 50;

/** Reads an affiliate. @throws {ExtensionFailure} `not_found` */
export async function readAffiliate(storage: Storage, id: string): Promise<Affiliate> {
  const affiliate = await storage.get<Affiliate>(KEYS.affiliate(id));
  if (affiliate !== null) return affiliate;
  throw fail('not_found', `There is no affiliate "${id}"`, {
    remedy: 'Make the user an affiliate first, with the action "create"',
  });
}

/**
 * Makes a user an affiliate; one who is an affiliate already stays as they are.
 *
 * @param options.code Wanted; otherwise a random one
 * @throws {ExtensionFailure} `conflict` when another affiliate has the code
 */
export async function addAffiliate(
  storage: Storage,
  userId: string,
  options: {
    readonly at: string;
    readonly traits: JsonObject;
    readonly code?: string | undefined;
    readonly rewardBasisPoints?: number | undefined;
  },
): Promise<{ affiliate: Affiliate; isNew: boolean }> {
  const key = KEYS.affiliate(userId);
  const known = await storage.get<Affiliate>(key);
  if (known !== null) return { affiliate: known, isNew: false };
  const code = await claimCode(storage, userId, options.code);
  const standing = { from: options.at, enabled: true };
  const made: Affiliate = {
    id: userId,
    createdAt: options.at,
    codes: [code],
    standings: [{ ...standing, rewardBasisPoints: options.rewardBasisPoints ?? null }],
    signals: await signalsOf(storage, options.traits),
    payoutTo: null,
  };
  const kept = await amend<Affiliate>(storage, key, (current) => current ?? made);
  // What the panel said of this user before is known to the customer alone.
  const customer = await storage.get<Customer>(KEYS.customer(userId));
  const affiliate = await addSignals(storage, userId, (customer ?? NO_CUSTOMER).signals);
  return { affiliate: affiliate ?? made, isNew: isSame(kept, made) };
}

/** Adds signals to an affiliate; null when the user is none. */
export async function addSignals(
  storage: Storage,
  userId: string,
  signals: readonly string[],
): Promise<Affiliate | null> {
  return await amend<Affiliate>(storage, KEYS.affiliate(userId), (current) => {
    if (current === null) return undefined;
    const all = new Set([...current.signals, ...signals]);
    return { ...current, signals: [...all].toSorted().slice(0, SIGNALS_MAX) };
  });
}

/** Ends an affiliate whose user was deleted: nothing personal is kept, what was earned stays. */
export async function retireAffiliate(storage: Storage, userId: string, at: string): Promise<void> {
  await amend<Affiliate>(storage, KEYS.affiliate(userId), (current) =>
    current === null
      ? undefined
      : {
          ...current,
          signals: [],
          payoutTo: null,
          standings: addStanding(current, { from: at, enabled: false }),
        },
  );
}

/** What an admin, or an affiliate about themselves, may change. */
export async function changeAffiliate(
  storage: Storage,
  id: string,
  change: {
    readonly at: string;
    readonly enabled?: boolean | undefined;
    /** null: as the programme says */
    readonly rewardBasisPoints?: number | null | undefined;
    readonly code?: string | undefined;
    readonly payoutTo?: string | undefined;
  },
): Promise<Affiliate> {
  const before = await readAffiliate(storage, id);
  const code = change.code;
  const isNewCode = code !== undefined && !before.codes.includes(code);
  if (isNewCode && before.codes.length >= CODES_MAX) {
    throw fail('capacity', `Affiliate "${id}" has had ${CODES_MAX} codes`, {
      remedy: 'Use one of the codes it has',
    });
  }
  if (isNewCode) await claimCode(storage, id, code);
  const changed = await amend<Affiliate>(storage, KEYS.affiliate(id), (current) => {
    if (current === null) return undefined;
    const { enabled, rewardBasisPoints } = change;
    const others = current.codes.filter((each) => each !== code);
    return {
      ...current,
      codes: code === undefined ? current.codes : [...others, code],
      payoutTo: change.payoutTo ?? current.payoutTo,
      standings: addStanding(current, {
        from: change.at,
        ...(enabled === undefined ? {} : { enabled }),
        ...(rewardBasisPoints === undefined ? {} : { rewardBasisPoints }),
      }),
    };
  });
  return changed ?? before;
}

/** The affiliate behind a code; undefined when there is none. */
export async function findByCode(storage: Storage, code: string): Promise<Affiliate | undefined> {
  if (!CODE.test(code)) return undefined;
  const owner = await storage.get<string>(KEYS.code(code));
  if (owner === null) return undefined;
  return (await storage.get<Affiliate>(KEYS.affiliate(owner))) ?? undefined;
}

/** What holds for an affiliate now. */
export function standingOf({ standings }: Affiliate): Standing | undefined {
  return standings.at(-1);
}

function addStanding(
  { id, standings }: Affiliate,
  change: Partial<Standing> & { readonly from: string },
): Standing[] {
  const last = standings.at(-1);
  const next = {
    enabled: last?.enabled ?? true,
    rewardBasisPoints: last?.rewardBasisPoints ?? null,
    ...change,
  };
  const isNothing =
    next.enabled === last?.enabled && next.rewardBasisPoints === last?.rewardBasisPoints;
  if (isNothing) return standings;
  if (standings.length >= STANDINGS_MAX) {
    throw fail('capacity', `Affiliate "${id}" was changed ${STANDINGS_MAX} times`, {
      remedy: 'Leave it as it is, or use the terms of the programme instead',
    });
  }
  return [...standings, next].toSorted((a, b) => (a.from < b.from ? -1 : 1));
}

async function claimCode(storage: Storage, id: string, wanted?: string): Promise<string> {
  if (wanted !== undefined && !CODE.test(wanted)) {
    throw fail('invalid_input', `Code "${wanted.slice(0, 60)}" cannot be used`, {
      remedy: 'Use 3 to 40 letters, digits, "-" and "_", beginning with a letter or a digit',
    });
  }
  for (let tries = 0; tries < RANDOM_TRIES; tries += 1) {
    const code = wanted ?? randomText(RANDOM_CHARS, ALPHABET);
    // The same affiliate gets its own code again: a call may come twice.
    if ((await amend<string>(storage, KEYS.code(code), (owner) => owner ?? id)) === id) return code;
    if (wanted !== undefined) break;
  }
  throw fail('conflict', `Code "${wanted ?? 'random'}" belongs to another affiliate`, {
    remedy: 'Choose another code',
  });
}
