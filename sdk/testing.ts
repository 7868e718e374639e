// A handler's context outside the sandbox, for tests of extensions.
// `createVendorFetch` stands in for the host's egress: it maps vendor origins to fakes on loopback and
// puts sealed values in place. It must never let a request leave for anywhere else.

import type { Call, Context, Log, Storage, Webhooks } from './capabilities.ts';
import type { Json, JsonObject } from './domain.ts';

/** One log line that a handler wrote. */
export type LogEntry = {
  readonly level: keyof Log;
  readonly message: string;
  readonly fields?: JsonObject;
};

/** A context with what the test may look at afterwards. */
export type TestContext<Config> = Context<Config> & {
  readonly logs: readonly LogEntry[];
  /** The stored values by key, as the handler left them. */
  readonly stored: ReadonlyMap<string, Json>;
};

/** What a test gives; everything else has a default. */
export type TestContextOptions<Config> = {
  readonly config: Config;
  readonly fetch: typeof fetch;
  /** Shared between contexts to keep state over several calls; default a new, empty one. */
  readonly storage?: Map<string, Json>;
  /** Epoch milliseconds; drives time-to-live of stored values. */
  readonly now?: () => number;
  /** What `webhooks.verify` says; the host's own check is not here. */
  readonly webhooks?: Webhooks;
  readonly call?: Partial<Call>;
};

let calls = 0;

/** Makes the context of one call. Two contexts without `call.operationId` have different ones. */
export function createTestContext<Config>(
  options: TestContextOptions<Config>,
): TestContext<Config> {
  calls += 1;
  const now = options.now ?? Date.now;
  const stored = options.storage ?? new Map<string, Json>();
  const logs: LogEntry[] = [];
  return {
    config: options.config,
    fetch: options.fetch,
    log: createLog(logs),
    storage: createStorage(stored, now),
    webhooks: options.webhooks ?? { verify: refuseWebhooks },
    call: {
      id: `call-${calls}`,
      handler: 'test',
      operationId: `operation-${calls}`,
      attempt: 1,
      deadlineMs: now() + 30_000,
      dryRun: false,
      signal: new AbortController().signal,
      ...options.call,
    },
    logs,
    stored,
  };
}

async function refuseWebhooks(): Promise<never> {
  throw new TypeError('Give the test context "webhooks": the check itself is the host\'s');
}

function createLog(logs: LogEntry[]): Log {
  const write =
    (level: keyof Log) =>
    (message: string, fields?: JsonObject): void => {
      logs.push({ level, message, ...(fields === undefined ? {} : { fields }) });
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** When values expire, by the map that holds them: contexts that share the map share this too. */
const expiriesOf = new WeakMap<Map<string, Json>, Map<string, number>>();

/** Storage over a map, with the semantics that the SDK documents. */
export function createStorage(values: Map<string, Json>, now: () => number): Storage {
  const expiries = expiriesOf.get(values) ?? new Map<string, number>();
  expiriesOf.set(values, expiries);
  const write = (key: string, value: Json, options?: { ttlMs?: number }): void => {
    values.set(key, structuredClone(value));
    if (options?.ttlMs === undefined) expiries.delete(key);
    else expiries.set(key, now() + options.ttlMs);
  };
  const read = (key: string): Json => {
    if ((expiries.get(key) ?? Infinity) <= now()) values.delete(key);
    return values.get(key) ?? null;
  };
  return {
    async get<T extends Json = Json>(key: string) {
      // The caller names the type it stored itself, as with the real storage.
      return structuredClone(read(key)) as T | null;
    },
    async set(key, value, options) {
      write(key, value, options);
    },
    async delete(key) {
      return values.delete(key);
    },
    async list<T extends Json = Json>(
      prefix: string,
      options?: { after?: string; limit?: number },
    ) {
      return [...values.keys()]
        .filter((key) => key.startsWith(prefix) && key > (options?.after ?? ''))
        .filter((key) => read(key) !== null)
        .toSorted((a, b) => (a < b ? -1 : 1))
        .slice(0, options?.limit ?? 100)
        .map((key) => ({ key, value: structuredClone(read(key)) as T }));
    },
    async compareAndSet(key, expected, value, options) {
      if (JSON.stringify(read(key)) !== JSON.stringify(expected)) return false;
      write(key, value, options);
      return true;
    },
    async increment(key, by = 1, options) {
      const sum = Number(read(key) ?? 0) + by;
      write(key, sum, options);
      return sum;
    },
  };
}

/**
 * A `fetch` that reaches fakes only.
 *
 * @param options.origins Vendor origin (`https://api.stripe.com`) → fake's origin (`http://127.0.0.1:…`)
 * @param options.sealed Placeholder (`sealed:abc`) → real value, replaced wherever the host would: the
 *   URL, headers (Basic credentials too) and the body, plain or percent-encoded
 * @throws {TypeError} From the returned function, for any other origin
 */
export function createVendorFetch(options: {
  readonly origins: { readonly [origin: string]: string };
  readonly sealed?: { readonly [placeholder: string]: string };
}): typeof fetch {
  const sealed = Object.entries(options.sealed ?? {});
  const unseal = (text: string): string =>
    sealed.reduce(
      (result, [from, to]) =>
        result
          .replaceAll(from, () => to)
          .replaceAll(encodeURIComponent(from), () => encodeURIComponent(to)),
      text,
    );
  return async (input, init) => {
    const asked = input instanceof Request ? input.url : String(input);
    const url = new URL(unseal(asked));
    const target = options.origins[url.origin];
    if (target === undefined) throw new TypeError(`Egress to "${url.origin}" is not allowed`);
    const headers = new Headers(init?.headers);
    for (const [name, value] of headers) headers.set(name, unsealHeader(value, unseal));
    const body = typeof init?.body === 'string' ? unseal(init.body) : init?.body;
    return await fetch(target + url.pathname + url.search, {
      ...init,
      headers,
      ...(body === undefined ? {} : { body }),
    });
  };
}

function unsealHeader(value: string, unseal: (text: string) => string): string {
  const [, credentials] = /^Basic ([A-Za-z0-9+/=]+)$/.exec(value) ?? [];
  return credentials === undefined ? unseal(value) : `Basic ${btoa(unseal(atob(credentials)))}`;
}
