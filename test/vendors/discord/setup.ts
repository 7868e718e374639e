// One Discord Notifications extension with a fake Discord of its own, for the tests of the extension.

import assert from 'node:assert/strict';
import { after } from 'node:test';

import type { Context, EventMessage, Json, JsonObject } from 'cofferdam/sdk';

import definition from '../../../plugins/others/discordnotifications/extension.ts';
import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { startFakeDiscord } from './fake.ts';
import type { FakeDiscord, SentMessage } from './fake.ts';

/** The extension with all handlers there. */
export const extension = handlersOf(definition);

/** Its config schema. */
export const schema = extension.config;

/** What stands for the webhook's address in the guest. */
export const SEALED = 'sealed:4fd1c2b3a5968778';

type Config = Parameters<typeof extension.testConnection>[0]['config'];

/** What zod makes of a form that has only the webhook and what the test changes. */
export function configOf(values: JsonObject = {}): Config {
  return schema.parse({ webhookUrl: SEALED, ...values });
}

/** An event as the host delivers it. */
export function event(type: string, data: JsonObject, id = crypto.randomUUID()): EventMessage {
  return { id, type, at: '2026-11-24T10:00:00.000Z', data };
}

/** Hands an event to its handler. */
export async function deliver(ctx: Context<Config>, message: EventMessage): Promise<Json | void> {
  const handler = extension.on[message.type];
  assert.ok(handler, `no handler for ${message.type}`);
  return await handler(message, ctx);
}

/** A context that reaches a Discord of its own, so that what it got is this test's alone. */
export async function start(values: JsonObject = {}): Promise<{
  fake: FakeDiscord;
  ctx: TestContext<Config>;
  last: () => SentMessage;
}> {
  const fake = await startFakeDiscord();
  after(() => fake[Symbol.asyncDispose]());
  const fetch = createVendorFetch({
    origins: { 'https://discord.com': fake.origin },
    sealed: { [SEALED]: fake.webhookUrl },
  });
  const last = (): SentMessage => {
    const message = fake.messages.at(-1);
    assert.ok(message, `nothing was sent; requests: ${fake.requests.join(', ')}`);
    return message;
  };
  return { fake, ctx: createTestContext({ config: configOf(values), fetch }), last };
}
