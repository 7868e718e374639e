// Laravel's validation as the panels built on it use it: rules in their own words, problems by field.
// The fakes of such panels check every request with it; the words of the messages are not Laravel's.

/** One field that a rule refused. */
export type Problem = { readonly field: string; readonly rule: string; readonly message: string };

/** Rules by field; `a.b` is inside `a`, `a.*` is each item. */
export type Rules = Readonly<Record<string, string>>;

/** Rules that look into the panel's tables (`exists:users,id`) or are the panel's own (`p_username`). */
export type Lookup = Readonly<Record<string, (value: unknown, all: unknown) => boolean>>;

type Value = { readonly path: string; readonly value: unknown; readonly isThere: boolean };

/** What is wrong with a request; each field is left at its first problem. */
export function validate(data: unknown, rules: Rules, lookup: Lookup = {}): Problem[] {
  return Object.entries(rules).flatMap(([field, text]) =>
    expand(nullEmpty(data), field).flatMap((found) =>
      checkField(found, text.split('|'), {
        data: nullEmpty(data),
        lookup,
      }),
    ),
  );
}

function checkField(
  { path, value, isThere }: Value,
  rules: readonly string[],
  { data, lookup }: { data: unknown; lookup: Lookup },
): Problem[] {
  const refuse = (rule: string, why: string): Problem[] => [
    { field: path, rule, message: `The ${path} field ${why}.` },
  ];
  const isEmpty = value === null || value === undefined;
  for (const rule of rules) {
    const [name = '', argument = ''] = split(rule);
    if (name === 'present' && !isThere) return refuse(name, 'must be present');
    if (
      isRequired(name, argument, data) &&
      (isEmpty || (Array.isArray(value) && value.length === 0))
    )
      return refuse(name, 'is required');
  }
  if (!isThere || (isEmpty && rules.includes('nullable'))) return [];
  for (const rule of rules) {
    const [name = '', argument = ''] = split(rule);
    const own = lookup[rule] ?? lookup[name];
    if (own !== undefined && !own(value, data))
      return refuse(name, name === 'unique' ? 'has already been taken' : `fails ${rule}`);
    const why = checkRule(name, argument, { value, rules });
    if (why !== undefined) return refuse(name, why);
  }
  return [];
}

function isRequired(name: string, argument: string, data: unknown): boolean {
  if (name === 'required') return true;
  const [other = '', wanted] = argument.split(',');
  const [found] = expand(data, other);
  const isThere = found?.isThere === true && found.value !== null;
  if (name === 'required_with') return isThere;
  if (name === 'required_without') return !isThere;
  if (name !== 'required_if') return false;
  const given = typeof found?.value === 'boolean' ? Number(found.value) : found?.value;
  return isThere && String(given) === wanted;
}

/** Why a value fails a rule; rules that are unknown here pass. */
function checkRule(
  name: string,
  argument: string,
  { value, rules }: { value: unknown; rules: readonly string[] },
): string | undefined {
  switch (name) {
    case 'string':
      return typeof value === 'string' ? undefined : 'must be a string';
    case 'array':
      return typeof value === 'object' && value !== null ? undefined : 'must be an array';
    case 'boolean':
      return [true, false, 0, 1, '0', '1'].includes(value as never)
        ? undefined
        : 'must be true or false';
    case 'integer':
      return /^-?\d+$/.test(String(value)) ? undefined : 'must be an integer';
    case 'numeric':
      return String(value).trim() !== '' && Number.isFinite(Number(value))
        ? undefined
        : 'must be a number';
    case 'email':
      return /^[^\s@]+@[^\s@]+$/.test(String(value)) ? undefined : 'must be a valid email address';
    case 'in':
      return argument.split(',').includes(String(value)) ? undefined : 'is invalid';
    case 'regex': {
      const [, source = '', flags = ''] = /^\/(.*)\/(\w*)$/s.exec(argument) ?? [];
      return new RegExp(source, flags).test(String(value)) ? undefined : 'has a wrong format';
    }
    case 'min':
    case 'max':
    case 'between':
      return checkSize(sizeOf(value, rules), name, argument);
    default:
      return undefined;
  }
}

function checkSize(size: number, name: string, argument: string): string | undefined {
  const [first = 0, second = first] = argument.split(',').map(Number);
  if (name !== 'max' && size < first) return `must be at least ${first}`;
  return name !== 'min' && size > second ? `must not be greater than ${second}` : undefined;
}

function sizeOf(value: unknown, rules: readonly string[]): number {
  if (rules.includes('integer') || rules.includes('numeric')) return Number(value);
  return Array.isArray(value) ? value.length : String(value).length;
}

function split(rule: string): [string, string] {
  const at = rule.indexOf(':');
  return at < 0 ? [rule, ''] : [rule.slice(0, at), rule.slice(at + 1)];
}

/** The values that a field's path means. */
function expand(data: unknown, field: string): Value[] {
  let found: Value[] = [{ path: '', value: data, isThere: true }];
  for (const key of field.split('.')) {
    found = found.flatMap(({ path, value, isThere }): Value[] => {
      const at = (name: string) => (path === '' ? name : `${path}.${name}`);
      if (key === '*')
        return Array.isArray(value)
          ? value.map((item, index) => ({ path: at(String(index)), value: item, isThere: true }))
          : [];
      if (!isThere || typeof value !== 'object' || value === null)
        return [{ path: at(key), value: undefined, isThere: false }];
      const inner = (value as Record<string, unknown>)[key];
      return [{ path: at(key), value: inner, isThere: inner !== undefined }];
    });
  }
  return found;
}

/** Laravel trims texts and takes an empty one for null. */
export function nullEmpty(data: unknown): unknown {
  if (typeof data === 'string') return data.trim() === '' ? null : data.trim();
  if (Array.isArray(data)) return data.map(nullEmpty);
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, nullEmpty(value)]));
}
