// What vendors gave an instance, kept sealed in the store: the next isolate, the next start and other hosts
// know the stand-ins that an extension has put away.

import { isDeepStrictEqual } from 'node:util';

import type { EarnedRule, EarnedShelf } from '../capabilities/earned.ts';
import { LIMITS } from '../limits.ts';
import { earnedPlace } from '../store/sealed.ts';
import type { EarnedStore } from '../store/earned.ts';
import type { Vault } from '../store/vault.ts';

/** What is sealed; the rule as it was when the vendor gave it. */
type Kept = { readonly value: string; readonly rule: EarnedRule };

/** Makes the shelf of one instance. */
export function createEarnedShelf(
  {
    store,
    vault,
    nowMs,
  }: { readonly store: EarnedStore; readonly vault: Vault; readonly nowMs: () => number },
  instance: string,
): EarnedShelf {
  return {
    nowMs,
    async load(rules) {
      const rows = await store.earned(instance, nowMs());
      return rows.flatMap(({ id, sealed, expiresMs }) => {
        const text = vault.open({ $sealed: sealed }, earnedPlace(instance, id));
        // Written below, and sealed since.
        const { value, rule: then } = JSON.parse(text) as Kept;
        // A config with another host, or an update, must not have it sent where nobody meant it to go.
        const rule = rules.find((each) => isDeepStrictEqual(plain(each), then));
        return rule === undefined ? [] : [{ id, rule, value, expiresMs }];
      });
    },
    async keep({ id, rule, value, expiresMs }) {
      const kept: Kept = { value, rule };
      const sealed = vault.seal(JSON.stringify(kept), earnedPlace(instance, id)).$sealed;
      const now = nowMs();
      const row = { instance, id, field: rule.field, sealed, madeMs: now, expiresMs };
      await store.putEarned(row, { nowMs: now, keep: LIMITS.earnedSecrets });
    },
  };
}

/** As JSON keeps it: without what is undefined. */
function plain(rule: EarnedRule): unknown {
  return JSON.parse(JSON.stringify(rule));
}
