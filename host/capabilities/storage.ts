// The storage capability: keys and values of one instance, inside its quota. An instance's name comes
// from the pipe, so that one extension can never name another's.

import * as z from 'zod';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Store } from '../store/store.ts';
import type { Capability, CapabilityReply } from './capability.ts';
import { invalidField } from './failures.ts';

const key = z.string().min(1).max(LIMITS.storageKeyChars);
/** What came over the pipe was parsed as JSON, and is walked through once when it is measured. */
const json = z.unknown().refine((value) => value !== undefined, 'must be JSON');
const ttlMs = z.int().min(1).max(LIMITS.storageTtlMs).optional();
const request = z.discriminatedUnion('op', [
  z.object({ op: z.literal('get'), key }),
  z.object({ op: z.literal('set'), key, value: json, ttlMs }),
  z.object({ op: z.literal('delete'), key }),
  z.object({
    op: z.literal('list'),
    prefix: z.string().max(LIMITS.storageKeyChars),
    after: z.string().max(LIMITS.storageKeyChars).default(''),
    limit: z.int().min(1).max(LIMITS.storageListMax).default(100),
  }),
  z.object({ op: z.literal('compareAndSet'), key, expected: json, value: json, ttlMs }),
  z.object({ op: z.literal('increment'), key, by: z.int().default(1), ttlMs }),
]);

type Powers = {
  readonly store: Store;
  /** `category/name/instance` */
  readonly instance: string;
  readonly quotaBytes: number;
  readonly nowMs: () => number;
};

/** Makes the storage of one instance. */
export function createStorage({ store, instance, quotaBytes, nowMs }: Powers): Capability {
  const overQuota = (): HostError =>
    new HostError('EXTENSION_QUOTA_EXCEEDED', `Storage of "${instance}" is over its quota`, {
      remedy: `Delete what is not needed (at most ${LIMITS.storageKeys} keys), or ask for more than ${quotaBytes} bytes in manifest.json`,
      details: { quotaBytes },
    });
  const expiry = (ttl: number | undefined): number | null =>
    ttl === undefined ? null : nowMs() + ttl;
  const update = async (
    through: Store,
    asked: { readonly key: string; readonly ttlMs?: number | undefined },
    change: (current: unknown) => unknown,
  ): Promise<boolean> => {
    const bounds = { nowMs: nowMs(), quotaBytes, expiresMs: expiry(asked.ttlMs) };
    const done = await through.updateValue(instance, asked.key, {
      ...bounds,
      change: (current) => flat(() => change(current)),
    });
    if (done === 'over-quota') throw overQuota();
    return done === 'changed';
  };

  const serve = async (
    asked: z.infer<typeof request>,
    through: Store,
  ): Promise<CapabilityReply> => {
    switch (asked.op) {
      case 'get':
        return { value: await store.value(instance, asked.key, nowMs()) };
      case 'set': {
        const expiresMs = expiry(asked.ttlMs);
        const entry = { key: asked.key, value: bounded(asked.value), expiresMs };
        const bounds = { nowMs: nowMs(), quotaBytes };
        if (!(await through.putValue(instance, entry, bounds))) throw overQuota();
        return { value: null };
      }
      case 'delete':
        return { value: await through.removeValue(instance, asked.key) };
      case 'list': {
        const { prefix, after, limit } = asked;
        return { value: await store.values(instance, { prefix, after, limit, nowMs: nowMs() }) };
      }
      case 'compareAndSet': {
        const next = bounded(asked.value);
        const expected = flat(() => canonical(bounded(asked.expected)));
        const same = (current: unknown): unknown =>
          canonical(current) === expected ? next : undefined;
        return { value: await update(through, asked, same) };
      }
      case 'increment': {
        let sum = 0;
        await update(through, asked, (current) => {
          sum = addInteger(asked.key, current, asked.by);
          return sum;
        });
        return { value: sum };
      }
    }
  };
  return async (payload, scope) => serve(parseRequest(payload), scope.store ?? store);
}

/** Runs what walks through a value: it calls itself for each level of it. */
function flat<T>(walk: () => T): T {
  try {
    return walk();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new HostError('EXTENSION_OUTPUT_INVALID', 'Storage: a value is nested too deep', {
      remedy: 'Store its parts under keys of their own',
      cause: error,
    });
  }
}

function parseRequest(payload: unknown): z.infer<typeof request> {
  const parsed = request.safeParse(payload);
  if (parsed.success) return parsed.data;
  throw invalidField('Storage', parsed.error, 'Pass what the SDK describes for storage');
}

function bounded(value: unknown): unknown {
  const { length } = flat(() => JSON.stringify(value));
  if (length <= LIMITS.storageValueChars) return value;
  throw new HostError(
    'EXTENSION_QUOTA_EXCEEDED',
    `Storage: a value is over ${LIMITS.storageValueChars} characters`,
    { remedy: 'Split it over several keys' },
  );
}

function addInteger(name: string, current: unknown, by: number): number {
  const sum = Number(current ?? 0) + by;
  if (Number.isSafeInteger(current ?? 0) && Number.isSafeInteger(sum)) return sum;
  throw new HostError(
    'EXTENSION_OUTPUT_INVALID',
    `Storage: the value of "${name}" is no integer that can be added to`,
    { remedy: 'Count under a key of its own, or set it to an integer first' },
  );
}

/** JSON with sorted keys: two equal values have one text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
