// Mollie's API over the host's fetch: repeatable requests, errors as failures, money and marks.
// The key is a placeholder that the host replaces in the header.

import {
  createAmounts,
  createRemote,
  fail,
  makeMark,
  operationKey,
  readMark,
  readShape,
  z,
} from 'cofferdam/sdk';
import type {
  Explanation,
  FailureCode,
  Money,
  RemoteReply,
  RemoteRequest,
  Storage,
} from 'cofferdam/sdk';

import type { MollieContext } from './config.ts';
import type { Amount } from './shapes.ts';

/** Characters of a mark in metadata: Mollie takes about 1 KiB of it in all. */
const MARK_CHARS = 255;

// https://docs.mollie.com/docs/multicurrency, read 2026-11; decimals are those of ISO 4217.
const amounts = createAmounts({
  vendor: 'Mollie',
  currencies:
    'AED AUD BGN BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS ISK JPY MXN MYR NOK NZD PHP PLN RON SEK ' +
    'SGD THB TWD USD ZAR',
});

const REMEDIES: { readonly [code in FailureCode]?: string } = {
  unauthorized: 'Enter the API key of the website profile: test_… or live_…',
  forbidden: 'Turn on this feature for the profile in the Mollie dashboard',
};

const errorBody = z.object({
  title: z.string().optional(),
  detail: z.string().optional(),
  field: z.string().nullish(),
});

/** One request; `step` names what it does within the operation, so that a repeat has no second effect. */
export type MollieRequest = Pick<RemoteRequest, 'query' | 'json' | 'accept'> & {
  readonly step?: string;
};

/** The API of one profile, for the length of one call. */
export type Mollie = {
  send(method: string, path: string, request?: MollieRequest): Promise<RemoteReply>;
  /** Sends a request and reads the object that comes back. */
  ask<T>(
    shape: z.ZodType<T>,
    at: readonly [method: string, path: string],
    request?: MollieRequest,
  ): Promise<T>;
};

/** Makes the client of one call. */
export function createMollie({ config, fetch, call }: MollieContext): Mollie {
  const remote = createRemote({
    name: 'Mollie',
    fetch,
    baseUrl: 'https://api.mollie.com',
    headers: { authorization: `Bearer ${config.apiKey}` },
    explain,
  });
  const send: Mollie['send'] = async (method, path, { step, ...request } = {}) => {
    const key = step === undefined ? {} : { 'idempotency-key': await operationKey(call, step) };
    return await remote.request(method, path, { ...request, headers: key, signal: call.signal });
  };
  return {
    send,
    async ask(shape, [method, path], request) {
      const { json } = await send(method, path, request);
      return readShape(shape, json, `Mollie's answer to ${method} ${path}`);
    },
  };
}

/** An id of one kind as a part of a path. @throws `invalid_input` when it is none */
export function idOf(kind: 'tr' | 're' | 'chb' | 'cst' | 'mdt', id: string): string {
  if (new RegExp(`^${kind}_[A-Za-z0-9]{1,60}$`).test(id)) return id;
  throw fail('invalid_input', `Cannot ask Mollie: an id that starts with "${kind}_" is needed`, {
    remedy: 'Use the id that this extension reported',
  });
}

/** Why Mollie cannot take an amount; undefined when nothing speaks against it. */
export const { findObstacle } = amounts;

/** An amount as Mollie takes it. @throws `unsupported` for a currency that Mollie does not take */
export function toMollie(money: Money): Amount {
  return { currency: money.currency, value: amounts.format(money) };
}

/** An amount that Mollie reports. */
export function fromMollie({ currency, value }: Amount): Money {
  return amounts.read(value, currency);
}

/** The metadata of what is made for an invoice. */
export async function markInvoice(
  storage: Storage,
  invoiceId: string,
): Promise<{ cofferdam: string }> {
  return { cofferdam: await makeMark(storage, invoiceId, MARK_CHARS) };
}

/** The metadata of what is made for a user: customers and the storing of a method. */
export async function markUser(
  storage: Storage,
  userId: string,
): Promise<{ cofferdam_user: string }> {
  return { cofferdam_user: await makeMark(storage, userId, MARK_CHARS) };
}

/** What metadata of this instance names; undefined for anything of somebody else's. */
export async function readMarks(
  storage: Storage,
  metadata: unknown,
): Promise<{ readonly invoiceId?: string; readonly userId?: string } | undefined> {
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const { cofferdam, cofferdam_user: user } = metadata as Record<string, unknown>;
  const invoiceId = typeof cofferdam === 'string' ? await readMark(storage, cofferdam) : undefined;
  const userId = typeof user === 'string' ? await readMark(storage, user) : undefined;
  if (invoiceId !== undefined) return { invoiceId };
  return userId === undefined ? undefined : { userId };
}

function explain(reply: RemoteReply): Explanation {
  const parsed = errorBody.safeParse(reply.json);
  const { title = 'no reason given', detail, field } = parsed.success ? parsed.data : {};
  const words = [title, detail, field && `field ${field}`].filter(Boolean).join(', ');
  const isMandate = /\bmandate\b/i.test(detail ?? '') && reply.status === 422;
  if (isMandate) {
    return { code: 'declined', message: words, remedy: 'Ask the customer to pay on the page' };
  }
  const remedy = { 401: REMEDIES.unauthorized, 403: REMEDIES.forbidden }[reply.status];
  return { message: words, remedy };
}
