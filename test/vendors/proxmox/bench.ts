// The Proxmox extension on its fake, for tests that drive it as the panel does. All calls share a storage.

import assert from 'node:assert/strict';

import { isFailure } from 'cofferdam/sdk';
import type { Json, JsonObject, ServerResult, Service } from 'cofferdam/sdk';

import definition from '../../../plugins/servers/proxmox/extension.ts';
import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { startFakeProxmox, TOKEN_ID, TOKEN_SECRET } from './fake.ts';
import type { FakeProxmox } from './fake.ts';

/** The extension with every handler there. */
export const proxmox = handlersOf(definition);

const SEALED = 'sealed:AAAABBBBCCCCDDDDEEEEFF';

/** A product: a clone of the fake's template. */
export const CLONE = {
  node: 'pve1',
  type: 'qemu',
  source: 'clone',
  template: 9000,
  cores: 2,
  memoryMiB: 2048,
  diskGiB: 20,
  user: 'debian',
};

/** A service of Ada with these settings of its product. */
export function serviceOf(
  settings: JsonObject,
  properties: JsonObject = {},
  checkout: JsonObject = {},
  id = 's-1',
): Service {
  return {
    id,
    user: { id: '7', email: 'ada@example.com' },
    product: { id: 'p', name: 'VPS', settings },
    checkout,
    properties,
  };
}

/** One fake with what drives the extension on it. */
export type Bench = AsyncDisposable & {
  readonly fake: FakeProxmox;
  readonly storage: ReadonlyMap<string, Json>;
  context(secret?: string, tokenId?: string): TestContext<any>;
  /** Asks until it is done, as the panel does. */
  settle(
    operation: string,
    first: ServerResult,
    of: Service,
  ): Promise<{ result: ServerResult; oneTime: JsonObject }>;
  /** What was changed at Proxmox so far. */
  writes(): string[];
};

/** Starts it. */
export async function startBench(): Promise<Bench> {
  const fake = await startFakeProxmox();
  const storage = new Map<string, Json>();
  const context: Bench['context'] = (secret = TOKEN_SECRET, tokenId = TOKEN_ID) => {
    const host = 'pve.example.com';
    const fetch = createVendorFetch({
      origins: { [`https://${host}:8006`]: fake.origin },
      sealed: { [SEALED]: secret },
    });
    const config = definition.config?.parse({ host, tokenId, tokenSecret: SEALED });
    assert.ok(config);
    return createTestContext({ config, fetch, storage });
  };
  return {
    fake,
    storage,
    context,
    async settle(operation, first, of) {
      let result = first;
      let oneTime: JsonObject = {};
      let current = of;
      for (let tries = 0; tries < 20; tries += 1) {
        if (result.status === 'failed') break;
        oneTime = { ...oneTime, ...result.oneTime };
        current = { ...current, properties: { ...current.properties, ...result.properties } };
        if (result.status === 'done') break;
        result = await proxmox.reconcile({ operation, service: current }, context());
      }
      return { result, oneTime };
    },
    writes: () =>
      fake.requests
        .filter(({ method }) => method !== 'GET')
        .map(({ method, path }) => `${method} ${path}`),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}

/** The failure that a call is rejected with; its code is asserted. */
export async function fails(
  promise: Promise<unknown>,
  code: Parameters<typeof isFailure>[1],
): Promise<{ message: string; remedy?: string; retriable: boolean }> {
  const error = await promise.then(
    (value) => assert.fail(`resolved with ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  assert.ok(isFailure(error, code), String(error));
  return error.failure;
}
