// What a handler gives once (a password) is passed on once and kept nowhere.

import { Scrubber } from '../capabilities/scrub.ts';

/** A handler's result without what is shown once. */
export function withoutOneTime(result: unknown): unknown {
  if (typeof result !== 'object' || result === null || !('oneTime' in result)) return result;
  const { oneTime: _shown, ...rest } = result;
  return rest;
}

/** The same on a result's JSON text. */
export function textWithoutOneTime(text: string): string {
  // Most results have none, and parsing costs more than looking.
  return text.includes('"oneTime"') ? JSON.stringify(withoutOneTime(JSON.parse(text))) : text;
}

/**
 * Blanks what a result shows once in what is kept beside it: the request that set a password has it too.
 */
export function blankOneTime(text: string, resultText: string): string {
  const { oneTime } = Object(JSON.parse(resultText)) as { oneTime?: unknown };
  const values = stringsIn(oneTime).map((value) => ({ field: 'oneTime', value }));
  return new Scrubber(values).text(text);
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(stringsIn);
}
