// Dates as they come in: ISO 8601 UTC, and a day that exists.

import { HostError } from '../errors.ts';

/**
 * A date in the one spelling that is stored and compared.
 *
 * @param part `body` or `querystring`, as the refusal names it
 * @throws {HostError} `CALLER_INPUT_INVALID`: the pattern of a schema lets the 31st of June through
 */
export function parseDate(text: string, { part, field }: { part: string; field: string }): string {
  const date = new Date(text);
  const iso = Number.isNaN(date.getTime()) ? '' : date.toISOString();
  if (iso !== '' && iso.startsWith(text.slice(0, 16))) return iso;
  throw new HostError('CALLER_INPUT_INVALID', `${part} "${field}" is not a date: "${text}"`, {
    remedy: 'Send a date that exists, such as 2030-01-31T00:00:00Z',
    details: { field },
  });
}
