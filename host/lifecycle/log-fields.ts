// Fields of a log line without secrets. Called for each line of an extension; must not throw.

import { isJson } from '../broker/outcomes.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The same object when nothing was blanked.
 *
 * A secret of digits alone can be a part of a number, and one that a vendor gave can be a piece of JSON:
 * where what is left is no JSON, it stays a text, under `scrubbed`.
 */
export function scrubFields(fields: Fields, scrub: (text: string) => string): Fields {
  const text = JSON.stringify(fields);
  const shown = scrub(text);
  if (shown === text) return fields;
  return isJson(shown) ? { ...(JSON.parse(shown) as object) } : { scrubbed: shown };
}
