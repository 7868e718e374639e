// A log line without secrets. Called for each line of an extension that is kept; must not throw.

import { isJson } from '../broker/outcomes.ts';
import type { RawLine } from '../broker/runner.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The same line, blanked when it is read. */
export function scrubbedLine({ bytes, read }: RawLine, scrub: (text: string) => string): RawLine {
  return {
    bytes,
    read() {
      const { message, fields, ...line } = read();
      const shown = { ...line, message: scrub(message) };
      return fields === undefined ? shown : { ...shown, fields: scrubFields(fields, scrub) };
    },
  };
}

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
