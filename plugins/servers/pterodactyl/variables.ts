// An egg's variables: which values a product, a customer and the egg itself give them, checked by the
// egg's own rules before the panel sees them.

import { fail } from 'cofferdam/sdk';
import type { Field, JsonObject, Problem } from 'cofferdam/sdk';

import { readVariables, VARIABLE } from './config.ts';
import type { Settings } from './config.ts';
import { variablesOf } from './shapes.ts';
import type { Egg, Variable } from './shapes.ts';

/** How long a name may be at the panel. */
const NAME_MAX = 191;

/**
 * Every variable of the egg with its value: product, else customer, else now, else the egg's default.
 *
 * The customer is asked only for what the admin listed and did not set, whatever else is sent.
 */
export function fillVariables(
  egg: Egg,
  settings: Settings,
  { checkout = {}, now = {} }: { checkout?: JsonObject; now?: Readonly<Record<string, string>> },
): Record<string, string> {
  const offered = offeredTo(egg, settings).map(({ env_variable: name }) => name);
  const chosen = readVariables(checkout);
  const isPort = new Set(settings.portVariables.map(({ name }) => name));
  const filled: Record<string, string> = {};
  for (const { env_variable: name, default_value: standard, rules } of variablesOf(egg)) {
    const choice = offered.includes(name) ? chosen[name] : undefined;
    filled[name] = settings.variables[name] ?? choice ?? now[name] ?? standard ?? '';
    const problem = isPort.has(name) ? undefined : checkValue(rules, filled[name]);
    if (problem === undefined) continue;
    throw fail('invalid_input', `"${VARIABLE}${name}" ${problem}`, {
      remedy: `Set the variable ${name} on the product, or let the customer choose another value`,
    });
  }
  return filled;
}

/** The variables a customer chooses: those that the admin listed and left open. */
export function offeredTo(egg: Egg, settings: Settings): Variable[] {
  const { customerVariables, variables, portVariables } = settings;
  const taken = new Set([...Object.keys(variables), ...portVariables.map(({ name }) => name)]);
  return variablesOf(egg).filter(
    ({ env_variable: name }) => customerVariables.includes(name) && !taken.has(name),
  );
}

/** What is wrong with a customer's values. */
export function checkoutProblems(egg: Egg, settings: Settings, checkout: JsonObject): Problem[] {
  const chosen = readVariables(checkout);
  const problems = offeredTo(egg, settings).flatMap(
    ({ env_variable: name, rules, default_value: standard }): Problem[] => {
      const message = checkValue(rules, chosen[name] ?? standard ?? '');
      return message === undefined ? [] : [{ field: VARIABLE + name, message }];
    },
  );
  const { serverName = '' } = checkout;
  if (typeof serverName !== 'string' || serverName.length > NAME_MAX)
    problems.push({ field: 'serverName', message: `must be at most ${NAME_MAX} characters` });
  return problems;
}

/** The name of a new server: the customer's, else the product's with the service's id. */
export function nameOf(checkout: JsonObject, standard: string): string {
  const { serverName } = checkout;
  const chosen = typeof serverName === 'string' ? serverName.trim() : '';
  return (chosen === '' ? standard : chosen).slice(0, NAME_MAX);
}

type Check = (value: string, argument: string) => string | undefined;
const isNumber = (value: string): boolean => /^-?\d+(?:\.\d+)?$/.test(value);

/** The rules of Laravel that eggs use; any other is left to the panel. */
const CHECKS: { readonly [rule: string]: Check } = {
  integer: (value) => (/^-?\d+$/.test(value) ? undefined : 'must be a whole number'),
  numeric: (value) => (isNumber(value) ? undefined : 'must be a number'),
  boolean: (value) => (/^[01]$/.test(value) ? undefined : 'must be 1 or 0'),
  in: (value, argument) =>
    argument.split(',').includes(value) ? undefined : `must be one of ${argument}`,
  alpha_num: (value) =>
    /^[\p{L}\p{M}\p{N}]+$/u.test(value) ? undefined : 'may have letters and digits only',
  alpha_dash: (value) =>
    /^[\p{L}\p{M}\p{N}_-]+$/u.test(value)
      ? undefined
      : 'may have letters, digits, "-" and "_" only',
  regex: (value, argument) => {
    const pattern = readPattern(argument);
    return pattern === undefined || pattern.test(value) ? undefined : `must match ${argument}`;
  },
};

/** What is wrong with a value by an egg's rules; undefined when nothing is, as far as this knows. */
export function checkValue(rules: string, value: string): string | undefined {
  const parsed = rules.split('|').map((rule) => {
    const [name = '', ...rest] = rule.split(':');
    return {
      name: name === 'int' ? 'integer' : name === 'bool' ? 'boolean' : name,
      argument: rest.join(':'),
    };
  });
  const names = new Set(parsed.map(({ name }) => name));
  // The panel turns an empty value into null, which only "nullable" lets pass.
  if (value === '') return names.has('nullable') ? undefined : 'must have a value';
  const isSized = names.has('integer') || names.has('numeric');
  for (const { name, argument } of parsed) {
    const problem = isRange(name)
      ? checkSize(isSized ? Number(value) : value.length, name, argument)
      : CHECKS[name]?.(value, argument);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const isRange = (name: string): boolean => ['min', 'max', 'between', 'size'].includes(name);

function checkSize(size: number, name: string, argument: string): string | undefined {
  const [first = Number.NaN, second = first] = argument.split(',').map(Number);
  const min = name === 'max' ? -Infinity : first;
  const max = name === 'min' ? Infinity : second;
  if (size >= min && size <= max) return undefined;
  if (name === 'min') return `must be at least ${first}`;
  return name === 'max' ? `must be at most ${second}` : `must be between ${min} and ${max}`;
}

/** A PHP pattern as JavaScript's; undefined when it uses what JavaScript does not know. */
function readPattern(argument: string): RegExp | undefined {
  const [, source = '', flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(argument) ?? [];
  try {
    return source === '' ? undefined : new RegExp(source, flags.replaceAll(/[^imsu]/g, ''));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A form field for a variable, by its rules. */
export function fieldOf(variable: Variable, { isProduct }: { isProduct: boolean }): Field {
  const { env_variable: name, name: label, description, default_value: standard, rules } = variable;
  const options = /(?:^|\|)in:([^|]*)/.exec(rules)?.[1]?.split(',');
  const isSwitch = /(?:^|\|)bool(?:ean)?(?:\||$)/.test(rules);
  const choices = isSwitch ? ['1', '0'] : options;
  const words = [description ?? '', isProduct ? `Empty: ${standard || 'nothing'}` : ''];
  return {
    name: VARIABLE + name,
    label,
    description: words.filter((each) => each !== '').join('. '),
    ...(choices === undefined
      ? { type: /(?:^|\|)(?:int(?:eger)?|numeric)(?:\||$)/.test(rules) ? 'number' : 'text' }
      : { type: 'select', options: choices.map((value) => ({ value, label: value })) }),
    ...(isProduct || !standard ? {} : { default: standard }),
    required: !isProduct && !standard && !rules.split('|').includes('nullable'),
  };
}
