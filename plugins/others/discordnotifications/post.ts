// Posts an event, once: the same one may be delivered again, even at the same time.

import { fail, isObject } from 'cofferdam/sdk';
import type { Context, EventMessage, Json, JsonObject } from 'cofferdam/sdk';

import { sendMessage } from './api.ts';
import type { Message } from './api.ts';
import { channelOf, fillTemplate } from './channels.ts';
import { channelsOf } from './config.ts';
import type { Config } from './config.ts';
import { EVENT_NAMES, LEGACY_NAMES } from './events.ts';
import type { EventName } from './events.ts';
import { describeEvent } from './messages.ts';

/** How long a sent event is remembered: longer than the host keeps on delivering one again. */
const SENT_TTL_MS = 3 * 24 * 60 * 60 * 1_000;
/** How long one call may be busy with posting: a little longer than the manifest lets it live. */
const CLAIM_TTL_MS = 20_000;

/** The handler of an event. */
export function onEvent(
  name: EventName,
): (event: EventMessage, ctx: Context<Config>) => Promise<Json> {
  return async (event, ctx) => {
    if (!ctx.config.events.includes(name)) return { sent: false, reason: 'switched off' };
    // Events come at least once; the same one must not be posted twice, not even at the same time. A claim
    // that nobody gave back ends by itself: whoever made it has crashed.
    const key = `sent:${event.id}`;
    if (!(await ctx.storage.compareAndSet(key, null, false, { ttlMs: CLAIM_TTL_MS }))) {
      if ((await ctx.storage.get(key)) === true) return { sent: false, reason: 'sent before' };
      throw fail('locked', `Event "${event.id}" is being posted`, { retryAfterMs: CLAIM_TTL_MS });
    }
    try {
      const result = await post(name, event, ctx);
      await ctx.storage.set(key, true, { ttlMs: SENT_TTL_MS });
      return result;
    } catch (error) {
      await ctx.storage.delete(key);
      throw error;
    }
  };
}

/** Posts an event into its channel. */
export async function post(
  name: EventName,
  event: { readonly at?: string; readonly data: JsonObject },
  ctx: Context<Config>,
): Promise<Json> {
  const { showEmail, hidden, templates, routes } = ctx.config;
  const text = fillTemplate(name, templates, { data: event.data, showEmail });
  const embed = describeEvent(name, event, { showEmail, hidden, text });
  const webhookUrl = channelOf(name, routes, channelsOf(ctx.config));
  const connection = { ...ctx, config: { webhookUrl } };
  const messageId = await sendMessage(connection, { embed, ...sender(ctx.config) });
  return { sent: true, messageId };
}

/** Who a message is from, where it goes and whom it notifies. */
export function sender({
  username,
  avatarUrl,
  threadId,
  pingType,
  pingId,
}: Config): Omit<Message, 'embed'> {
  return {
    username: username || undefined,
    avatarUrl: avatarUrl || undefined,
    threadId: threadId || undefined,
    ping: pingType === 'none' || pingId === '' ? undefined : { type: pingType, id: pingId },
  };
}

/** `{type, data}`; the older `event_type` and its four names are understood as well. */
export function readInput(input: Json): { name: EventName; data: JsonObject } {
  const given = isObject(input) ? input : {};
  const named = given['type'] ?? given['event_type'];
  const type = typeof named === 'string' ? named : '';
  const name = EVENT_NAMES.find((known) => known === type) ?? LEGACY_NAMES.get(type);
  if (name === undefined) {
    throw fail('invalid_input', `Cannot post an event of type "${type}"`, {
      remedy: `Use one of ${[...EVENT_NAMES, ...LEGACY_NAMES.keys()].join(', ')}`,
    });
  }
  return { name, data: isObject(given['data']) ? given['data'] : {} };
}
