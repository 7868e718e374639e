// Webhook: passes events of the panel on to one HTTPS address, signed, filtered and in the form wanted.

import { defineOther, fail, isObject, parseJson, secret, z } from 'cofferdam/sdk';
import type { Context, EventMessage, Json } from 'cofferdam/sdk';

import { CONDITION, EVENT_NAMES, fillTemplate, fits, leaveOut } from './events.ts';
import { sendMessage } from './send.ts';

const BODY_CHARS = 256 * 1_024;
const PATH = /^[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*$/;

const config = z.object({
  url: secret({
    label: 'Address',
    description: 'https; the whole address is kept as a secret',
    startsWith: 'https://',
    maxLength: 2_000,
  }),
  signingSecret: secret({
    label: 'Signing secret',
    description: '"whsec_" and 24 to 64 bytes in base64, as Standard Webhooks defines it',
    startsWith: 'whsec_',
    minLength: 38,
    maxLength: 100,
    key: 'base64',
  }),
  previousSecret: secret({
    label: 'Former signing secret',
    description: 'While the receiver changes over, messages carry both signatures',
    startsWith: 'whsec_',
    minLength: 38,
    maxLength: 100,
    key: 'base64',
  }).optional(),
  authorization: secret({
    label: 'Authorization header',
    description: 'Such as "Bearer …", when the receiver asks for one',
    maxLength: 2_000,
  }).optional(),
  events: z
    .array(z.enum(EVENT_NAMES))
    .default([...EVENT_NAMES])
    .meta({ label: 'Events', description: 'What is passed on' }),
  conditions: z
    .array(z.string().regex(CONDITION, 'must be "<path>=<value>" or "!<path>=<value>"'))
    .max(20)
    .default([])
    .meta({
      label: 'Conditions',
      description: 'All must hold for the data of an event, such as "invoice.total.currency=EUR"',
    }),
  leaveOut: z
    .array(z.string().max(200).regex(PATH, 'must be a path such as "user.phone"'))
    .max(100)
    .default(['user.phone', 'user.address'])
    .meta({ label: 'Left out', description: 'Paths in the data that never leave the panel' }),
  template: z
    .string()
    .max(10_000)
    .default('')
    .refine((text) => text.trim() === '' || parseJson(text) !== undefined, {
      message: 'must be JSON; placeholders such as "{{data.invoice.id}}" stand inside quotes',
    })
    .meta({
      label: 'Template',
      description:
        'JSON with "{{id}}", "{{type}}", "{{at}}" and "{{data.…}}"; empty: the whole event',
      widget: 'textarea',
    }),
});

type Ctx = Context<z.output<typeof config>>;

export default defineOther({
  config,

  async testConnection(ctx) {
    const status = await sendTest(ctx);
    return { ok: true, message: `The receiver answered ${status}` };
  },

  /** Passes one message on by hand: `{type, data, id?}`; any type, the filter of events aside. */
  async execute(input, ctx) {
    const given = isObject(input) ? input : {};
    const { type, data, id } = given;
    if (typeof type !== 'string' || !/^[A-Za-z0-9_.-]{1,100}$/.test(type)) {
      throw fail('invalid_input', 'Field "type" must be a name such as "invoice.paid"', {
        remedy: 'Send {"type": "…", "data": {…}}',
      });
    }
    const at = new Date().toISOString();
    const own = typeof id === 'string' && id !== '' ? id : ctx.call.operationId;
    return await pass({ id: own, type, at, data: isObject(data) ? data : {} }, ctx);
  },

  on: Object.fromEntries(
    EVENT_NAMES.map((name) => [
      name,
      async (event: EventMessage, ctx: Ctx): Promise<Json> => {
        if (!ctx.config.events.includes(name)) return { sent: false, reason: 'switched off' };
        return await pass(event, ctx);
      },
    ]),
  ),

  actions: {
    test: {
      label: 'Send a test message',
      audience: 'admin',
      async run(_input, ctx) {
        const status = await sendTest(ctx);
        return { message: `The receiver answered ${status}`, data: { status } };
      },
    },
  },
});

async function pass(event: EventMessage, ctx: Ctx): Promise<Json> {
  const { config } = ctx;
  if (!fits(event.data, config.conditions)) return { sent: false, reason: 'a condition fails' };
  const known = { ...event, data: leaveOut(event.data, config.leaveOut) };
  return { sent: true, status: await sendEvent(known, ctx) };
}

async function sendTest(ctx: Ctx): Promise<number> {
  const at = new Date().toISOString();
  const id = `test_${ctx.call.operationId}`;
  return await sendEvent({ id, type: 'webhook.test', at, data: { test: true } }, ctx);
}

async function sendEvent(event: EventMessage, ctx: Ctx): Promise<number> {
  const { template } = ctx.config;
  const { type, at, data } = event;
  const parsed = template.trim() === '' ? undefined : parseJson(template);
  const message =
    parsed === undefined ? { type, timestamp: at, data } : fillTemplate(parsed, event);
  const body = JSON.stringify(message);
  if (body.length > BODY_CHARS) {
    throw fail('rejected', `Event "${event.id}" is longer than ${BODY_CHARS} characters`, {
      remedy: 'Leave fields out, or use a template',
    });
  }
  return await sendMessage(ctx, { id: idOf(event), body, nowMs: Date.now() });
}

/** A full stop in an id would shift the parts of what is signed. */
function idOf({ id }: EventMessage): string {
  return id.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 100);
}
