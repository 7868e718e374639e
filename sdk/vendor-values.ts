// What a vendor sent, checked on arrival, and what a vendor is sent: ids in paths, keys of repeats.

import type { Call } from './capabilities.ts';
import { fail } from './errors.ts';
import { formatMinor, parseMinor } from './money.ts';
import type { Money } from './money.ts';
import type { z } from './schema.ts';

/**
 * Reads a value that a vendor sent.
 *
 * @param what Reads like "The answer to GET /v2/payments"
 * @param remedy What the admin can do when the vendor speaks otherwise, such as to update it
 * @throws `invalid_response` naming the field that is missing or wrong, never its value
 */
export function readShape<T>(
  shape: z.ZodType<T>,
  value: unknown,
  what: string,
  remedy?: string,
): T {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.map(String).join('.') ?? '';
  const place = field === '' ? 'is not what it should be' : `has no usable "${field}"`;
  throw fail('invalid_response', `${what} ${place}: ${issue?.message ?? 'not understood'}`, {
    remedy,
  });
}

/** Reads a decimal amount that a vendor reports. @throws `invalid_response` when it is not exact */
export function readAmount(text: string, currency: string, vendor: string): Money {
  try {
    return parseMinor(text, currency);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const said = `${vendor} reported "${text.slice(0, 40)}" "${currency.slice(0, 10)}"`;
    throw fail('invalid_response', `${said}: it is no exact amount of a known currency`, {
      cause: error,
    });
  }
}

/** How a vendor takes money: as decimal text, in some currencies. */
export type Amounts = {
  /** Why the vendor cannot take an amount; undefined when nothing speaks against it. */
  findObstacle(money: Money): string | undefined;
  /** The text of an amount. @throws `unsupported` when there is an obstacle */
  format(money: Money): string;
  /** An amount that the vendor reports. @throws `invalid_response` when it is not exact */
  read(text: string, currency: string): Money;
};

/**
 * The amounts of one vendor.
 *
 * @param options.currencies ISO 4217 codes with spaces between them
 * @param options.whole Of these, the ones taken without decimals although ISO 4217 has them
 */
export function createAmounts(options: {
  readonly vendor: string;
  readonly currencies: string;
  readonly whole?: string;
}): Amounts {
  const { vendor } = options;
  const currencies = new Set(options.currencies.split(' '));
  const whole = new Set((options.whole ?? '').split(' '));
  const findObstacle = (money: Money): string | undefined => {
    if (!currencies.has(money.currency)) return `${vendor} takes no payments in ${money.currency}`;
    const isWhole = /^-?\d+(?:\.0+)?$/.test(formatMinor(money));
    return whole.has(money.currency) && !isWhole
      ? `${vendor} takes whole ${money.currency} only`
      : undefined;
  };
  return {
    findObstacle,
    format(money) {
      const obstacle = findObstacle(money);
      if (obstacle !== undefined) {
        throw fail('unsupported', `Cannot send an amount: ${obstacle}`, {
          remedy: 'Offer another payment method for this currency',
        });
      }
      const text = formatMinor(money);
      return whole.has(money.currency) ? text.replace(/\.0+$/, '') : text;
    },
    read: (text, currency) => readAmount(text, currency, vendor),
  };
}

/** An id as a part of a path. @throws `invalid_input` for text that could be more than one part */
export function pathId(id: string, vendor: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(id)) return id;
  throw fail('invalid_input', `Cannot ask ${vendor} about an id with characters that no id has`, {
    remedy: 'Use the externalId that this extension reported',
  });
}

/**
 * A key for one step of an operation, the same on every try: 32 characters `[0-9a-f]`.
 * A digest, because vendors take short keys only and operation ids may be longer.
 *
 * @param step What this request does within the operation: `order`, `refund`
 */
export async function operationKey(call: Call, step: string): Promise<string> {
  return await digestKey(`${call.operationId}:${step}`);
}

/** A key for a request that may be made once whoever asks: `chars` characters `[0-9a-f]`, 32 at most. */
export async function digestKey(text: string, chars = 32): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  const half = [...new Uint8Array(digest).subarray(0, 16)];
  const digits = half.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits.slice(0, chars);
}

/** A vendor's words without their markup, for messages: at most 300 characters. */
export function plainWords(html: string): string {
  return html
    .replaceAll(/<script[\s\S]*?<\/script>/gi, ' ')
    .replaceAll(/<[^>]*>?/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, WORDS_CHARS);
}

const WORDS_CHARS = 300;
