// What a webhook's handler wants the vendor to be told. It is a stranger's text on the host's own
// address: plain types only, so that it can never be a page.

import * as z from 'zod';

import type { WebhookReply } from '../../sdk/domain.ts';
import { LIMITS } from '../limits.ts';

/** Types that no browser runs. */
const TYPES = ['text/plain', 'application/json', 'application/x-www-form-urlencoded'];

const shape = z.object({
  response: z
    .object({
      status: z.int().min(200).max(599),
      headers: z.record(z.string(), z.string()).optional(),
      body: z.string().max(LIMITS.hookReplyChars).optional(),
    })
    .optional(),
});

/** The reply in a result; 200 and nothing where there is none, or one that cannot be sent. */
export function checkReply(resultText: string): WebhookReply {
  const { response } = shape.safeParse(JSON.parse(resultText)).data ?? {};
  if (response === undefined) return { status: 200 };
  const { status, headers = {}, body } = response;
  const asked = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type');
  const type = TYPES.find((each) => asked?.[1].toLowerCase().startsWith(each)) ?? 'text/plain';
  if (body === undefined || body === '') return { status };
  return { status, headers: { 'content-type': `${type}; charset=utf-8` }, body };
}
