// Text that other people wrote, made safe and short enough for Discord. Pure.
// Lengths count UTF-16 units: never fewer than what Discord counts.

import { formatMinor, isMoney, money, readPath } from 'cofferdam/sdk';
import type { Json } from 'cofferdam/sdk';

// Breaks a mention or an address without changing how it looks.
const ZERO_WIDTH_SPACE = '\u200b';

/**
 * Takes the power out of a stranger's text: no mention, no markdown, no hidden or clickable link.
 *
 * A customer who is called "@everyone" or "[click](https://…)" is shown with exactly that name.
 */
export function escapeText(text: string): string {
  return (
    text
      .toWellFormed()
      // Control characters and the marks that reverse the direction of writing hide what is there.
      .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (mark) =>
        mark === '\n' ? '\n' : '',
      )
      .replace(/[\\*_~`|>#[\]()<-]/g, String.raw`\$&`)
      .replaceAll('@', `@${ZERO_WIDTH_SPACE}`)
      .replaceAll('://', `:${ZERO_WIDTH_SPACE}//`)
  );
}

/** Cuts to at most `max` UTF-16 units, with an ellipsis, never through a character. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  if (max <= 0) return '';
  const kept = text.slice(0, max - 1);
  // A high surrogate at the end has lost its other half, a lone backslash would escape the ellipsis.
  return `${kept.replace(/[\ud800-\udbff]$/, '').replace(/(?<!\\)(?:\\\\)*\\$/, '')}…`;
}

/** A plain value as text; undefined for what has none. Objects are never printed as they are. */
export function showValue(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value.trim() === '' ? undefined : escapeText(value.trim());
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  return undefined;
}

/**
 * Money as "19.99 EUR". Reads `{amountMinor, currency}` at `path`, or `<path>Minor` or `amountMinor`
 * with a `currency` beside it, or a decimal text such as "19.99"; a bare number is shown as it came.
 */
export function showMoney(data: Json, path: string): string | undefined {
  const value = readPath(data, path);
  if (isMoney(value)) return showAmount(value.amountMinor, value.currency);
  const dot = path.lastIndexOf('.');
  const owner = dot < 0 ? data : readPath(data, path.slice(0, dot));
  if (typeof owner !== 'object' || owner === null || Array.isArray(owner)) return undefined;
  const minor = owner[`${path.slice(dot + 1)}Minor`];
  const currency = owner['currency'];
  if (typeof minor === 'number' && typeof currency === 'string') {
    return showAmount(minor, currency);
  }
  const text = showValue(value);
  return text === undefined ? undefined : [text, showValue(currency)].filter(Boolean).join(' ');
}

function showAmount(amountMinor: number, currency: string): string {
  try {
    const amount = money(amountMinor, currency);
    return `${formatMinor(amount)} ${amount.currency}`;
  } catch (error) {
    // An unknown currency or a fraction of a minor unit: say what came instead of guessing decimals.
    if (error instanceof RangeError) {
      return `${amountMinor} ${escapeText(currency)} (minor units)`;
    }
    throw error;
  }
}

/** `a•••@example.com`: enough to recognise a customer, not enough to write to one. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf('@');
  // By code point: the first character may be two units long.
  return at < 1 ? '•••' : `${String.fromCodePoint(email.codePointAt(0) ?? 0)}•••${email.slice(at)}`;
}
