// What this extension remembers of a user between calls, and the lock that keeps two calls for one user
// apart. Enhance keeps no external id of an organisation, and its name is the customer's to change.

import { z } from 'cofferdam/sdk';
import type { User } from 'cofferdam/sdk';

import type { EnhanceContext } from './config.ts';

const record = z.object({
  orgId: z.uuid().optional(),
  /** The organisation was made here: only such a one is ever removed. */
  isMade: z.boolean().default(false),
  /** In the name of an organisation that was ordered, until its reply has come. Nobody can guess it. */
  nonce: z.string().optional(),
  loginId: z.uuid().optional(),
  /** A login was ordered, and no reply has come. */
  isLoginOrdered: z.boolean().default(false),
  /** The customer was told the password of the login, or has one of their own. */
  isTold: z.boolean().default(false),
});

/** What is remembered of a user. */
export type UserRecord = z.infer<typeof record>;

const keyOf = (user: User): string => `user/${user.id}`;

/** What is remembered of a user; nothing is an empty record. */
export async function readRecord({ storage }: EnhanceContext, user: User): Promise<UserRecord> {
  return record.parse((await storage.get(keyOf(user))) ?? {});
}

/** Remembers a change before and after each step, so that the next call knows where this one stopped. */
export async function changeRecord(
  ctx: EnhanceContext,
  user: User,
  change: { readonly [Name in keyof UserRecord]?: UserRecord[Name] | undefined },
): Promise<UserRecord> {
  const changed = { ...(await readRecord(ctx, user)), ...change };
  const present = Object.entries(changed).filter(([, value]) => value !== undefined);
  const next = record.parse(Object.fromEntries(present));
  await ctx.storage.set(
    keyOf(user),
    Object.fromEntries(present) as { [name: string]: string | boolean },
  );
  return next;
}

/** Longer than any call may run: a lock whose call was killed opens by itself. */
const LOCK_MS = 150_000;
/** How long a call waits for another one of the same user before it answers "pending". */
const WAITS_MS = [50, 100, 200, 400, 800];

/**
 * Runs while no other call works on this user's organisation.
 *
 * @returns undefined when another call kept the lock all the time
 */
export async function whileLocked<T>(
  { storage, call }: EnhanceContext,
  user: User,
  run: () => Promise<T>,
): Promise<T | undefined> {
  const key = `lock/${user.id}`;
  for (const waitMs of [...WAITS_MS, 0]) {
    if (await storage.compareAndSet(key, null, call.id, { ttlMs: LOCK_MS })) {
      try {
        return await run();
      } finally {
        if ((await storage.get(key)) === call.id) await storage.delete(key);
      }
    }
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  return undefined;
}
