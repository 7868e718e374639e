// The storage capability: keys and values of one instance, inside its quota. An instance's name comes
// from the pipe, so that one extension can never name another's.

import * as z from 'zod';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Store } from '../store/store.ts';
import type { Capability } from './capability.ts';

const key = z.string().min(1).max(LIMITS.storageKeyChars);
const ttlMs = z.int().min(1).max(LIMITS.storageTtlMs).optional();
const request = z.discriminatedUnion('op', [
  z.object({ op: z.literal('get'), key }),
  z.object({ op: z.literal('set'), key, value: z.json(), ttlMs }),
  z.object({ op: z.literal('delete'), key }),
  z.object({
    op: z.literal('list'),
    prefix: z.string().max(LIMITS.storageKeyChars),
    after: z.string().max(LIMITS.storageKeyChars).default(''),
    limit: z.int().min(1).max(LIMITS.storageListMax).default(100),
  }),
  z.object({ op: z.literal('compareAndSet'), key, expected: z.json(), value: z.json(), ttlMs }),
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
      remedy: `Delete what is not needed, or ask for more than ${quotaBytes} bytes in manifest.json`,
      details: { quotaBytes },
    });
  const expiry = (ttl: number | undefined): number | null =>
    ttl === undefined ? null : nowMs() + ttl;
  const update = async (
    asked: { readonly key: string; readonly ttlMs?: number | undefined },
    change: (current: unknown) => unknown,
  ): Promise<boolean> => {
    const bounds = { nowMs: nowMs(), quotaBytes, expiresMs: expiry(asked.ttlMs) };
    const done = await store.updateValue(instance, asked.key, { ...bounds, change });
    if (done === 'over-quota') throw overQuota();
    return done === 'changed';
  };

  return async (payload) => {
    const asked = parseRequest(payload);
    switch (asked.op) {
      case 'get':
        return { value: await store.value(instance, asked.key, nowMs()) };
      case 'set': {
        const expiresMs = expiry(asked.ttlMs);
        const entry = { key: asked.key, value: bounded(asked.value), expiresMs };
        const bounds = { nowMs: nowMs(), quotaBytes };
        if (!(await store.putValue(instance, entry, bounds))) throw overQuota();
        return { value: null };
      }
      case 'delete':
        return { value: await store.removeValue(instance, asked.key) };
      case 'list': {
        const { prefix, after, limit } = asked;
        return { value: await store.values(instance, { prefix, after, limit, nowMs: nowMs() }) };
      }
      case 'compareAndSet': {
        const { expected, value } = asked;
        const next = bounded(value);
        const same = (current: unknown): unknown =>
          canonical(current) === canonical(expected) ? next : undefined;
        return { value: await update(asked, same) };
      }
      case 'increment': {
        let sum = 0;
        await update(asked, (current) => {
          sum = addInteger(asked.key, current, asked.by);
          return sum;
        });
        return { value: sum };
      }
    }
  };
}

function parseRequest(payload: unknown): z.infer<typeof request> {
  const parsed = request.safeParse(payload);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new HostError('EXTENSION_OUTPUT_INVALID', `Storage: "${field}": ${issue?.message ?? ''}`);
}

function bounded(value: unknown): unknown {
  if (JSON.stringify(value).length <= LIMITS.storageValueChars) return value;
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
