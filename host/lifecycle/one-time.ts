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
  const values = stringsIn(oneTimeOf(resultText)).map((value) => ({ field: 'oneTime', value }));
  return new Scrubber(values).text(text);
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(stringsIn);
}

/** What a result shows once; undefined when that is nothing. */
export function oneTimeOf(resultText: string): object | undefined {
  if (!resultText.includes('"oneTime"')) return undefined;
  const { oneTime } = Object(JSON.parse(resultText)) as { oneTime?: unknown };
  return typeof oneTime === 'object' && oneTime !== null ? oneTime : undefined;
}

/** A result's text with more that is shown once, beside what it shows itself. */
export function withOneTime(resultText: string, more: object | undefined): string {
  const result: unknown = JSON.parse(resultText);
  if (more === undefined || typeof result !== 'object' || result === null) return resultText;
  return JSON.stringify({ ...result, oneTime: { ...more, ...oneTimeOf(resultText) } });
}
