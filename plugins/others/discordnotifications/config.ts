// What an admin enters for one Discord server: channels, events, texts and what is left out.

import { secret, z } from 'cofferdam/sdk';

import { GROUPS, ROUTE, TEMPLATE } from './channels.ts';
import type { Channels, Group } from './channels.ts';
import { EVENT_NAMES, LABELS } from './events.ts';
import type { EventName } from './events.ts';

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

/** The config form. */
export const config = fields.refine(
  ({ pingType, pingId }) => pingType === 'none' || pingId !== '',
  {
    path: ['pingId'],
    message: 'must be the id of the user or role to ping, or choose "none" above',
  },
);

/** The parsed config; the addresses are placeholders. */
export type Config = z.output<typeof config>;

/** The channels by what they are for. */
export function channelsOf(config: Config): Channels {
  const all: { [group in Group]?: string } = {};
  for (const group of GROUPS) {
    const url = config[`${group}WebhookUrl`];
    if (url !== undefined) all[group] = url;
  }
  return { main: config.webhookUrl, ...all };
}
