// The Affiliates extension with a storage of its own, for its tests: events as the panel sends them.

import assert from 'node:assert/strict';

import type { ActionResult, EventMessage, Json, JsonObject, Storage } from 'cofferdam/sdk';

import definition from '../../plugins/others/affiliates/extension.ts';
import { createTestContext, handlersOf } from '../helpers/context.ts';
import type { TestContext } from '../helpers/context.ts';

/** The extension with all handlers there. */
export const extension = handlersOf(definition);

type Config = Parameters<typeof extension.testConnection>[0]['config'];

export const ADMIN = { id: 'admin', role: 'admin' };

/** What a test does with one programme. */
export type Programme = {
  readonly ctx: TestContext<Config>;
  deliver(event: EventMessage): Promise<Json | void>;
  act(name: string, values: JsonObject, actor?: JsonObject): Promise<any>;
  page(name: string, params?: JsonObject, viewer?: JsonObject): Promise<any>;
  /** Makes an affiliate with a code of the same name. */
  affiliate(id: string, more?: JsonObject): Promise<void>;
  /** Ledger and balances as an admin sees them. */
  ledger(id: string): Promise<{ lines: any[]; balances: any[] }>;
};

/** A programme with a config; `storage` replaces the plain one. */
export function startProgramme(
  values: JsonObject = {},
  options: { readonly stored?: Map<string, Json>; readonly storage?: Storage } = {},
): Programme {
  const config = extension.config.parse(values);
  const fetch = async (): Promise<never> => {
    throw new TypeError('Affiliates asks for no network');
  };
  const made = createTestContext<Config>({
    config,
    fetch,
    ...(options.stored === undefined ? {} : { storage: options.stored }),
  });
  const ctx = options.storage === undefined ? made : { ...made, storage: options.storage };
  let operations = 0;
  const act: Programme['act'] = async (name, values, actor = ADMIN) => {
    const action = (definition.actions as Record<string, any>)[name];
    assert.ok(action, `no action "${name}"`);
    operations += 1;
    const call = { ...ctx.call, operationId: `op-${operations}` };
    return (await action.run({ subject: {}, values, actor }, { ...ctx, call })) as ActionResult;
  };
  const page: Programme['page'] = async (name, params = {}, viewer = ADMIN) => {
    const handler = (definition.pages as Record<string, any>)[name];
    assert.ok(handler, `no page "${name}"`);
    return (await handler({ params, viewer }, ctx)).data;
  };
  return {
    ctx,
    async deliver(event) {
      const handler = (definition.on as Record<string, any>)[event.type];
      assert.ok(handler, `no handler for "${event.type}"`);
      return await handler(event, ctx);
    },
    act,
    page,
    async affiliate(id, more = {}) {
      await act('create', { userId: id, code: `code-${id}`, ...more });
    },
    async ledger(id) {
      const { lines, balances } = await page('affiliate', { id });
      return { lines, balances };
    },
  };
}

let events = 0;

/** An event as the host delivers it; `at` is minutes after the start of 2026. */
export function event(type: string, at: number, data: JsonObject): EventMessage {
  events += 1;
  const time = new Date(Date.UTC(2026, 0, 1) + at * 60_000).toISOString();
  return { id: `evt-${events}`, type, at: time, data };
}

export const signup = (userId: string, at: number, code?: string, more: JsonObject = {}) =>
  event('user.created', at, {
    user: { id: userId, email: `${userId}@example.com`, ...more },
    ...(code === undefined ? {} : { referral: { code } }),
  });

export const paid = (
  invoiceId: string,
  userId: string,
  at: number,
  [totalMinor, taxMinor = 0, currency = 'EUR']: readonly [number, number?, string?],
) =>
  event('invoice.paid', at, {
    invoice: {
      id: invoiceId,
      number: `INV-${invoiceId}`,
      total: { amountMinor: totalMinor, currency },
      tax: { amountMinor: taxMinor, currency },
    },
    user: { id: userId },
  });

export const refunded = (
  invoiceId: string,
  refundId: string,
  at: number,
  [amountMinor, currency = 'EUR']: readonly [number, string?],
) =>
  event('payment.refunded', at, {
    fact: { externalId: refundId, kind: 'refund', invoiceId, amountMinor, currency },
  });

export const ordered = (orderId: string, userId: string, at: number, code?: string) =>
  event('order.created', at, {
    order: { id: orderId, total: { amountMinor: 1_000, currency: 'EUR' } },
    user: { id: userId },
    ...(code === undefined ? {} : { referral: { code } }),
  });
