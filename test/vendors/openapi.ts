// A vendor's own OpenAPI description as a check of requests: path, verb, query, headers and JSON body,
// names that it does not have included. Present only beside a checkout that has the shared specifications.

import { existsSync, readFileSync } from 'node:fs';

import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

const SPECS = new URL('../../../shared/specs/', import.meta.url);

/** What is checked of a request. */
export type CheckedRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly json: unknown;
};

/** What is wrong with a request; an empty list means nothing. */
export type OpenApiCheck = (request: CheckedRequest) => string[];

type Schema = { readonly [name: string]: unknown };
type Parameter = {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
};
type Operation = { readonly parameters?: readonly Schema[]; readonly requestBody?: Schema };
type Spec = { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };

/**
 * Loads the check; undefined where one of the files is absent.
 *
 * @param files Names below the specifications' folder; the first that has the path decides
 * @param options.prefix What the paths of the description lack, such as `/v2`
 */
export function loadOpenApi(
  files: readonly string[],
  options: { readonly prefix?: string } = {},
): OpenApiCheck | undefined {
  const urls = files.map((file) => new URL(file, SPECS));
  if (!urls.every((url) => existsSync(url))) return undefined;
  const checks = urls.map((url) => createCheck(readSpec(url), options.prefix ?? ''));
  return (request) => {
    for (const check of checks) {
      const problems = check(request);
      if (problems !== undefined) return problems;
    }
    return [`${request.method} ${request.path} does not exist`];
  };
}

function readSpec(url: URL): Spec {
  const text = readFileSync(url, 'utf8');
  // The file is the vendor's own and unchanged; its shape is OpenAPI's.
  return (url.pathname.endsWith('.json') ? JSON.parse(text) : parse(text)) as Spec;
}

function createCheck(
  spec: Spec,
  prefix: string,
): (request: CheckedRequest) => string[] | undefined {
  const ajv = new Ajv2020({
    strict: false,
    validateFormats: false,
    validateSchema: false,
    allErrors: true,
    unicodeRegExp: false,
    logger: false,
  });
  const compiled = new Map<string, ValidateFunction>();
  const compile = (pointer: string): ValidateFunction => {
    const known = compiled.get(pointer) ?? ajv.compile({ $ref: `spec#${pointer}` });
    compiled.set(pointer, known);
    return known;
  };
  const resolve = (value: unknown): Schema => {
    let schema = value as Schema;
    for (let depth = 0; typeof schema?.['$ref'] === 'string' && depth < 20; depth += 1) {
      schema = follow(spec, schema['$ref']);
    }
    return schema ?? {};
  };
  ajv.addSchema(dropReadOnly(spec, resolve), 'spec');
  const templates = Object.keys(spec.paths).map((template) => ({
    template,
    pattern: new RegExp(`^${prefix}${template.replaceAll(/\{[\w-]+\}/g, '[^/]+')}$`),
  }));

  return ({ method, path, query, headers, json }) => {
    const matching = templates.filter(({ pattern }) => pattern.test(path));
    // A literal path counts before one with a parameter.
    const found = matching.toSorted((a, b) => braces(a.template) - braces(b.template))[0];
    if (found === undefined) return undefined;
    const at = `${method} ${found.template}`;
    const item = spec.paths[found.template];
    const operation = item?.[method.toLowerCase()];
    if (operation === undefined) return [`${at} does not exist`];
    const shared = (item?.['parameters'] ?? []) as unknown as readonly Schema[];
    const parameters = [...shared, ...(operation.parameters ?? [])].map(
      (each) => resolve(each) as unknown as Parameter,
    );
    const problems = [
      ...checkQuery(parameters, query, resolve),
      ...parameters
        .filter((each) => each.in === 'header' && each.required === true)
        .filter(({ name }) => headers[name.toLowerCase()] === undefined)
        .map(({ name }) => `has no header ${name}`),
    ];
    if (json !== undefined) {
      const body = resolve(operation.requestBody);
      const content = (body['content'] ?? {}) as Readonly<Record<string, { schema?: unknown }>>;
      const type = Object.keys(content).find((each) => each.includes('json'));
      if (type === undefined) return [...problems, 'takes no JSON'].map((each) => `${at} ${each}`);
      const pointer = pointerTo(spec, operation, [found.template, method.toLowerCase(), type]);
      const validate = compile(pointer);
      validate(json);
      const errors = (validate.errors ?? []).map(
        ({ instancePath, message }) => `body${instancePath} ${message ?? ''}`,
      );
      problems.push(...errors, ...findUnknown(json, content[type]?.schema, resolve));
    }
    return problems.map((each) => `${at} ${each}`);
  };
}

function checkQuery(
  parameters: readonly Parameter[],
  query: URLSearchParams,
  resolve: (value: unknown) => Schema,
): string[] {
  const known = new Map(
    parameters.filter((each) => each.in === 'query').map((each) => [each.name, each]),
  );
  const problems = [...known.values()]
    .filter(({ name, required }) => required === true && !query.has(name))
    .map(({ name }) => `has no parameter ${name}`);
  const coercing = new Ajv2020({
    strict: false,
    validateFormats: false,
    coerceTypes: true,
    unicodeRegExp: false,
    logger: false,
  });
  for (const [name, value] of query) {
    // Members of an object travel as `amount[value]`.
    const [, whole = name, member] = /^(\w+)\[(\w+)\]$/.exec(name) ?? [];
    const parameter = known.get(whole);
    if (parameter === undefined) {
      problems.push(`knows no parameter ${name}`);
      continue;
    }
    const outer = resolve(parameter.schema);
    const inner = (outer['properties'] as Schema | undefined)?.[member ?? ''];
    if (member !== undefined && inner === undefined) problems.push(`knows no parameter ${name}`);
    const own = member === undefined ? outer : resolve(inner);
    const { type, enum: values, minimum, maximum, pattern } = own;
    const schema = dropAbsent({ type, enum: values, minimum, maximum, pattern });
    const ok = coercing.validate({ type: 'object', properties: { value: schema } }, { value });
    if (!ok) problems.push(`parameter ${name} ${coercing.errorsText()}`);
  }
  return problems;
}

/** What may only be read is required of answers, not of requests (OpenAPI 3, `readOnly`). */
function dropReadOnly(value: unknown, resolve: (value: unknown) => Schema): Schema {
  const copy = (each: unknown): unknown => {
    if (Array.isArray(each)) return each.map(copy);
    if (typeof each !== 'object' || each === null) return each;
    const schema = Object.fromEntries(Object.entries(each).map(([name, one]) => [name, copy(one)]));
    const { required, properties } = each as { required?: unknown; properties?: Schema };
    if (!Array.isArray(required) || properties === undefined) return schema;
    const isReadOnly = (name: string): boolean => resolve(properties[name])['readOnly'] === true;
    return { ...schema, required: required.filter((name) => !isReadOnly(String(name))) };
  };
  return copy(value) as Schema;
}

/** Names that no alternative of the schema has: vendors drop them in silence, which hides a mistake. */
function findUnknown(
  value: unknown,
  given: unknown,
  resolve: (value: unknown) => Schema,
  place = 'body',
): string[] {
  if (Array.isArray(value)) {
    const items = alternatives(given, resolve).flatMap(({ items: one }) => one ?? []);
    if (items.length === 0) return [];
    return value.flatMap((each) => findUnknown(each, { anyOf: items }, resolve, `${place}[]`));
  }
  if (typeof value !== 'object' || value === null) return [];
  const all = alternatives(given, resolve);
  const isOpen = all.some(
    ({ additionalProperties: more, properties }) =>
      (typeof more === 'object' && more !== null) ||
      (more === true && Object.keys(properties ?? {}).length === 0),
  );
  const named = all.filter(({ properties }) => properties !== undefined);
  if (named.length === 0 || isOpen) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const schemas = named.flatMap(({ properties }) => (properties as Schema)[name] ?? []);
    if (schemas.length === 0) return [`${place} has no "${name}"`];
    return findUnknown(inner, { anyOf: schemas }, resolve, `${place}.${name}`);
  });
}

function alternatives(given: unknown, resolve: (value: unknown) => Schema, depth = 0): Schema[] {
  const schema = resolve(given);
  if (depth > 12) return [schema];
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((key) => (schema[key] ?? []) as unknown[]);
  return [schema, ...parts.flatMap((part) => alternatives(part, resolve, depth + 1))];
}

function pointerTo(spec: Spec, operation: Operation, [path = '', verb = '', type = '']: string[]) {
  const ref = operation.requestBody?.['$ref'];
  const base =
    typeof ref === 'string' ? ref.slice(1) : `/paths/${escape(path)}/${verb}/requestBody`;
  assertThere(follow(spec, `#${base}`), base);
  return `${base}/content/${escape(type)}/schema`;
}

function assertThere(value: unknown, pointer: string): void {
  if (value === undefined) throw new TypeError(`The description has nothing at "${pointer}"`);
}

function follow(spec: Spec, ref: string): Schema {
  const parts = ref.replace(/^#\//, '').split('/');
  return parts.reduce<unknown>(
    (value, part) =>
      (value as Schema | undefined)?.[
        decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
      ],
    spec,
  ) as Schema;
}

function escape(part: string): string {
  return encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
}

function braces(template: string): number {
  return template.split('{').length;
}

function dropAbsent(values: Schema): Schema {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
