// JSON that others wrote: a text read as JSON, and what is an object in it.

import type { Json, JsonObject } from './domain.ts';

/** A text as JSON; undefined when it is none, such as an error page or nothing at all. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether a value is a JSON object: no list, and not null. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
