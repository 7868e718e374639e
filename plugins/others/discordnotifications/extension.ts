// Discord Notifications: turns events of the panel into messages in one Discord channel.

import { defineOther, fail, isObject, secret, z } from 'cofferdam/sdk';
import type { Context, EventMessage, Json, JsonObject } from 'cofferdam/sdk';

import { readWebhook, sendMessage } from './api.ts';
import { allChannels, channelOf, fillTemplate, GROUPS, ROUTE, TEMPLATE } from './channels.ts';
import type { Channels, Group } from './channels.ts';
import { describeEvent, EVENT_NAMES, EVENTS, LABELS, LEGACY_NAMES } from './messages.ts';
import type { EventName } from './messages.ts';

/** How long a sent event is remembered: longer than the host keeps on delivering one again. */
const SENT_TTL_MS = 3 * 24 * 60 * 60 * 1_000;
/** How long one call may be busy with posting: a little longer than the manifest lets it live. */
const CLAIM_TTL_MS = 20_000;

const DEFAULT_EVENTS: EventName[] = [
  'order.created',
  'invoice.paid',
  'payment.failed',
  'payment.refunded',
  'payment.disputed',
  'ticket.created',
  'ticket.replied',
  'service.suspended',
  'service.terminated',
  'user.created',
];

const snowflake = z
  .string()
  .regex(/^(?:[1-9]\d{16,19})?$/, 'must be a Discord id: 17 to 20 digits');

const channel = (label: string, description: string) =>
  secret({
    label,
    description,
    startsWith: ['https://discord.com/api/webhooks/', 'https://discordapp.com/api/webhooks/'],
    maxLength: 500,
  });
const own = (what: string) =>
  channel(`Webhook URL for ${what}`, 'A channel of their own; empty: the one above').optional();
const known = (text: string): boolean =>
  EVENT_NAMES.some((name) => name === /^[a-z]+\.[a-z_]+/.exec(text)?.[0]);

const fields = z.object({
  webhookUrl: channel(
    'Webhook URL',
    'Channel settings → Integrations → Webhooks → Copy webhook URL',
  ),
  orderWebhookUrl: own('orders'),
  invoiceWebhookUrl: own('invoices'),
  paymentWebhookUrl: own('payments'),
  ticketWebhookUrl: own('tickets'),
  serviceWebhookUrl: own('services'),
  userWebhookUrl: own('users'),
  routes: z
    .array(
      z
        .string()
        .regex(ROUTE, `must be "<event>=<channel>"; channels are main, ${GROUPS.join(', ')}`)
        .refine(known, { message: 'must begin with the name of an event' }),
    )
    .max(50)
    .default([])
    .meta({ label: 'Routes', description: '"payment.disputed=ticket" posts that event there' }),
  templates: z
    .array(
      z
        .string()
        .max(1_000)
        .regex(TEMPLATE, 'must be "<event>: <text>"')
        .refine(known, { message: 'must begin with the name of an event' }),
    )
    .max(50)
    .default([])
    .meta({
      label: 'Texts',
      description: '"invoice.paid: {{user.firstName}} paid {{invoice.total}}", above the fields',
    }),
  hidden: z
    .array(z.string().refine((label) => LABELS.includes(label), { message: 'must be a field' }))
    .default([])
    .meta({
      label: 'Fields left out',
      description: 'Never sent to Discord',
      options: LABELS.map((label) => ({ value: label, label })),
      widget: 'multiselect',
    }),
  events: z
    .array(z.enum(EVENT_NAMES))
    .default(DEFAULT_EVENTS)
    .meta({ label: 'Events', description: 'What is posted' }),
  username: z
    .string()
    .max(80)
    .regex(
      /^(?!.*(?:discord|clyde))/i,
      'must not contain "discord" or "clyde": Discord refuses both',
    )
    .default('')
    .meta({ label: 'Name', description: "Shown as the sender; empty: the webhook's own name" }),
  avatarUrl: z
    .string()
    .max(2_048)
    .regex(/^(?:https:\/\/.+)?$/, 'must be an https address')
    .default('')
    .meta({ label: 'Picture', description: "https address; empty: the webhook's own picture" }),
  pingType: z
    .enum(['none', 'user', 'role'])
    .default('none')
    .meta({ label: 'Ping', description: 'Who is notified by each message' }),
  pingId: snowflake.default('').meta({ label: 'Id to ping', description: 'Of the user or role' }),
  threadId: snowflake
    .default('')
    .meta({ label: 'Thread id', description: 'Posts into this thread of the channel' }),
  showEmail: z.boolean().default(false).meta({
    label: 'Show whole e-mail addresses',
    description: 'Otherwise only the first letter and the domain are sent to Discord',
  }),
});

const config = fields.refine(({ pingType, pingId }) => pingType === 'none' || pingId !== '', {
  path: ['pingId'],
  message: 'must be the id of the user or role to ping, or choose "none" above',
});

type Config = z.output<typeof config>;

export default defineOther({
  config,

  async execute(input, ctx) {
    const { name, data } = readInput(input);
    if (!ctx.config.events.includes(name))
      return { sent: false, reason: `"${name}" is switched off` };
    return await post(name, { data }, ctx);
  },

  on: Object.fromEntries(EVENT_NAMES.map((name) => [name, onEvent(name)])),

  async testConnection(ctx) {
    const said: string[] = [];
    for (const webhookUrl of allChannels(channelsOf(ctx.config))) {
      const { name, channelId } = await readWebhook({ ...ctx, config: { webhookUrl } });
      said.push(`Webhook "${name}" posts to channel ${channelId}`);
    }
    return { ok: true, message: said.join('; ') };
  },

  actions: {
    test: {
      label: 'Send a test message',
      audience: 'admin',
      async run(_input, ctx) {
        const embed = {
          title: 'Test message',
          description: 'Notifications of the panel arrive in this channel.',
          color: EVENTS['user.created'].color,
          fields: [],
        };
        const messageIds: string[] = [];
        for (const webhookUrl of allChannels(channelsOf(ctx.config))) {
          const connection = { ...ctx, config: { webhookUrl } };
          messageIds.push(await sendMessage(connection, { embed, ...sender(ctx.config) }));
        }
        return { message: 'The test message was sent', data: { messageIds } };
      },
    },
  },
});

function onEvent(name: EventName) {
  return async (event: EventMessage, ctx: Context<Config>): Promise<Json> => {
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

async function post(
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

function channelsOf(config: Config): Channels {
  const all: { [group in Group]?: string } = {};
  for (const group of GROUPS) {
    const url = config[`${group}WebhookUrl`];
    if (url !== undefined) all[group] = url;
  }
  return { main: config.webhookUrl, ...all };
}

function sender({ username, avatarUrl, threadId, pingType, pingId }: Config) {
  return {
    username: username || undefined,
    avatarUrl: avatarUrl || undefined,
    threadId: threadId || undefined,
    ping: pingType === 'none' || pingId === '' ? undefined : { type: pingType, id: pingId },
  };
}

/** `{type, data}`; the older `event_type` and its four names are understood as well. */
function readInput(input: Json): { name: EventName; data: JsonObject } {
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
