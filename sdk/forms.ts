// What forms send, parsed: the settings of a product, which an admin made, and the choices of a customer.
// They are never merged, and of a customer's values only those are read that the extension names.

import type { JsonObject, Problem } from './domain.ts';
import { fail } from './errors.ts';
import type { ExtensionFailure } from './errors.ts';
import type { z } from './schema.ts';

/**
 * Reads the settings of a product. A field that was left empty counts as absent.
 *
 * @throws {ExtensionFailure} `invalid_input` that names the first setting that is missing or wrong
 */
export function readSettings<T>(
  shape: z.ZodType<T>,
  values: JsonObject,
  remedy = 'Correct the setting of the product',
): T {
  const { data, problems } = check(shape, values);
  const [problem] = problems;
  if (problem === undefined) return data as T;
  const { field, message } = problem;
  const what = message === ABSENT ? `"${field}" ${ABSENT}` : `"${field}": ${message}`;
  throw fail('invalid_input', `Product setting ${what}`, { remedy });
}

/** What a customer chose: the choices, or what is wrong with them. Names that `shape` has not are not read. */
export function readChoices<T>(
  shape: z.ZodType<T>,
  values: JsonObject,
): { readonly choices: T } | { readonly problems: readonly Problem[] } {
  const { data, problems } = check(shape, values);
  return problems.length > 0 ? { problems } : { choices: data as T };
}

/**
 * A customer's choice of what the product offers; where it offers one thing, that is the choice.
 *
 * @param about.field The field's name, for the problem
 */
export function readOffered<T>(
  offered: readonly T[],
  { field, value }: { readonly field: string; readonly value: T | undefined },
): { readonly choice: T } | { readonly problems: readonly Problem[] } {
  const choice = value ?? (offered.length === 1 ? offered[0] : undefined);
  if (choice !== undefined && offered.includes(choice)) return { choice };
  const message =
    choice === undefined
      ? 'must be chosen: the product offers several'
      : 'must be one that the product offers';
  return { problems: [{ field, message }] };
}

/** The failure of an order whose form has problems. */
export function problemFailure(problems: readonly Problem[]): ExtensionFailure {
  const words = problems.map(({ field, message }) => `"${field}" ${message}`);
  return fail('invalid_input', words.join('; '), { remedy: 'Correct the form of the order' });
}

const ABSENT = 'has no value';

function check<T>(shape: z.ZodType<T>, values: JsonObject): { data?: T; problems: Problem[] } {
  const given = Object.fromEntries(
    Object.entries(values).filter(
      ([, value]) => value !== undefined && value !== null && value !== '',
    ),
  );
  const parsed = shape.safeParse(given);
  if (parsed.success) return { data: parsed.data, problems: [] };
  const problems = parsed.error.issues.map(({ path, message }) => {
    const [name = ''] = path;
    return {
      field: String(name),
      message: given[String(name)] === undefined ? ABSENT : message,
    };
  });
  return { problems };
}
