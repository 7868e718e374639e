// OpenAPI descriptions, vendors’ own or written here, as a strict check of requests: path and its parameters,
// verb, query, headers, JSON body, names that the description does not have included. It knows no vendor.

import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';

import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';

import { noteJudged } from './oracle.ts';
import { readYaml } from './yaml.ts';

const SPECS = new URL('../../../shared/specs/', import.meta.url);

/** What is checked of a request. */
export type CheckedRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The body as JSON; undefined when it is none */
  readonly json: unknown;
};

/** What is wrong with a request; an empty list means nothing. */
export type OpenApiCheck = (request: CheckedRequest) => string[];

/** What is used of an OpenAPI document. */
export type OpenApi = {
  readonly paths: { readonly [template: string]: unknown };
  readonly components?: unknown;
};

type Schema = { readonly [name: string]: unknown };
type Parameter = {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
};
type Operation = { readonly parameters?: readonly Schema[]; readonly requestBody?: Schema };
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;
type Resolve = (value: unknown) => Schema;

const FORMATS = {
  uuid: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  email: /^[^\s@]+@[^\s@]+$/,
  domain: /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/,
  ipv6: (text: string) => isIPv6(text),
  ipv4: /^\d{1,3}(?:\.\d{1,3}){3}$/,
} as const;
const LENIENT = {
  strict: false,
  validateSchema: false,
  allErrors: true,
  unicodeRegExp: false,
  formats: FORMATS,
  logger: false,
} as const;

/** Reads a vendor's description from the shared specifications; undefined where they are absent. */
export function readOpenApi(file: string): OpenApi | undefined {
  const url = new URL(file, SPECS);
  if (!existsSync(url)) return undefined;
  const known = read.get(file);
  if (known !== undefined) return known;
  const value = file.endsWith('.json') ? JSON.parse(readFileSync(url, 'utf8')) : readYaml(url);
  // The file is the vendor's own and unchanged; its shape is OpenAPI's.
  const document = value as OpenApi;
  read.set(file, document);
  return document;
}

const read = new Map<string, OpenApi>();

/**
 * Makes the check. The first description that has the path decides, and is noted as the judge.
 *
 * @param extension Whose requests they are
 * @param documents By their names, as the table of vendors shows them
 * @param prefix What the paths of the descriptions lack, such as `/v2`
 */
export function createOpenApiCheck(
  extension: string,
  documents: Readonly<Record<string, OpenApi>>,
  prefix = '',
): OpenApiCheck {
  const checks = Object.entries(documents).map(
    ([name, document]) => [name, checkOf(document, prefix)] as const,
  );
  return (request) => {
    for (const [name, check] of checks) {
      const problems = check(request);
      if (problems === undefined) continue;
      noteJudged(extension, name);
      return problems;
    }
    noteJudged(extension, Object.keys(documents)[0] ?? '');
    return [`${request.method} ${request.path} does not exist`];
  };
}

type DocumentCheck = (request: CheckedRequest) => string[] | undefined;

/** One check for all fakes of a vendor: it remembers nothing of a request, and compiles for seconds. */
function checkOf(spec: OpenApi, prefix: string): DocumentCheck {
  const made = madeChecks.get(spec) ?? new Map<string, DocumentCheck>();
  madeChecks.set(spec, made);
  const check = made.get(prefix) ?? createCheck(spec, prefix);
  made.set(prefix, check);
  return check;
}

const madeChecks = new WeakMap<OpenApi, Map<string, DocumentCheck>>();

function createCheck(spec: OpenApi, prefix: string): DocumentCheck {
  let ajv: Ajv2020 | undefined;
  const compiled = new Map<string, ValidateFunction>();
  const compile = (pointer: string): ValidateFunction => {
    ajv ??= new Ajv2020(LENIENT).addSchema(dropReadOnly(spec, resolve), 'spec');
    const known = compiled.get(pointer) ?? ajv.compile({ $ref: `spec#${pointer}` });
    compiled.set(pointer, known);
    return known;
  };
  const resolve: Resolve = (value) => {
    let schema = value as Schema;
    for (let depth = 0; typeof schema?.['$ref'] === 'string' && depth < 20; depth += 1) {
      schema = follow(spec, schema['$ref']);
    }
    return schema ?? {};
  };
  const paths = spec.paths as Paths;
  const templates = Object.keys(paths).map((template) => ({
    template,
    names: [...template.matchAll(/\{([\w-]+)\}/g)].map(([, name = '']) => name),
    pattern: new RegExp(`^${prefix}${template.replaceAll(/\{[\w-]+\}/g, '([^/]+)')}$`),
  }));

  return ({ method, path, query, headers, body, json }) => {
    const matching = templates.filter(
      ({ template, pattern }) =>
        pattern.test(path) && paths[template]?.[method.toLowerCase()] !== undefined,
    );
    // A literal path counts before one with a parameter.
    const found = matching.toSorted((a, b) => a.names.length - b.names.length)[0];
    if (found === undefined) return undefined;
    const at = `${method} ${found.template}`;
    const item = paths[found.template];
    const operation = item?.[method.toLowerCase()] ?? {};
    const shared = (item?.['parameters'] ?? []) as unknown as readonly Schema[];
    const parameters = [...shared, ...(operation.parameters ?? [])].map(
      (each) => resolve(each) as unknown as Parameter,
    );
    const values = (found.pattern.exec(path) ?? []).slice(1).map(decodeURIComponent);
    const problems = [
      ...checkPath(parameters, new Map(found.names.map((name, n) => [name, values[n]])), resolve),
      ...checkQuery(parameters, query, resolve),
      ...parameters
        .filter((each) => each.in === 'header' && each.required === true)
        .filter(({ name }) => headers[name.toLowerCase()] === undefined)
        .map(({ name }) => `has no header ${name}`),
    ];
    const taken = resolve(operation.requestBody);
    const content = (taken['content'] ?? {}) as Readonly<Record<string, { schema?: unknown }>>;
    const type = Object.keys(content).find((each) => each.includes('json'));
    if (type === undefined) {
      if (body !== '') problems.push('has a body, which is not taken');
    } else if (json !== undefined) {
      const pointer = pointerTo(spec, operation, [found.template, method.toLowerCase(), type]);
      const validate = compile(pointer);
      validate(json);
      const errors = (validate.errors ?? []).map(
        ({ instancePath, message }) => `body${instancePath} ${message ?? ''}`,
      );
      problems.push(...errors, ...findUnknown(json, content[type]?.schema, resolve));
    } else if (body !== '' || taken['required'] === true) {
      problems.push('has no JSON as its body');
    }
    return problems.map((each) => `${at} ${each}`);
  };
}

function checkPath(
  parameters: readonly Parameter[],
  values: ReadonlyMap<string, string | undefined>,
  resolve: Resolve,
): string[] {
  return parameters
    .filter((each) => each.in === 'path')
    .flatMap(({ name, schema }) =>
      checkText(`path parameter ${name}`, schema, values.get(name), resolve),
    );
}

function checkQuery(
  parameters: readonly Parameter[],
  query: URLSearchParams,
  resolve: Resolve,
): string[] {
  const known = new Map(
    parameters.filter((each) => each.in === 'query').map((each) => [each.name, each]),
  );
  const problems = [...known.values()]
    .filter(({ name, required }) => required === true && !query.has(name))
    .map(({ name }) => `lacks the parameter ${name}`);
  for (const [name, value] of query) {
    // Members of an object travel as `amount[value]`.
    const [, whole = name, member] = /^(\w+)\[(\w+)\]$/.exec(name) ?? [];
    const parameter = known.get(whole);
    const outer = resolve(parameter?.schema);
    const own =
      member === undefined ? outer : (outer['properties'] as Schema | undefined)?.[member];
    if (parameter === undefined || own === undefined) {
      problems.push(`knows no parameter ${name}`);
      continue;
    }
    problems.push(...checkText(`parameter ${name}`, own, value, resolve));
  }
  return problems;
}

const coercing = new Ajv2020({ ...LENIENT, coerceTypes: true });
/** By schema: a description has a few kinds of parameters, and requests by the thousand. */
const textChecks = new Map<string, ValidateFunction>();

/** A text of the address, held against the simple part of its schema. */
function checkText(what: string, given: unknown, value: string | undefined, resolve: Resolve) {
  const { type, enum: values, minimum, maximum, pattern, format } = resolve(given);
  const key = JSON.stringify({ type, enum: values, minimum, maximum, pattern, format });
  const validate =
    textChecks.get(key) ??
    coercing.compile({ type: 'object', properties: { value: JSON.parse(key) } });
  textChecks.set(key, validate);
  return validate({ value }) ? [] : [`${what} ${coercing.errorsText(validate.errors)}`];
}

/** What may only be read is required of answers, not of requests (OpenAPI 3, `readOnly`). */
function dropReadOnly(value: unknown, resolve: Resolve): Schema {
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
function findUnknown(value: unknown, given: unknown, resolve: Resolve, place = 'body'): string[] {
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

function alternatives(given: unknown, resolve: Resolve, depth = 0): Schema[] {
  const schema = resolve(given);
  if (depth > 12) return [schema];
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((key) => (schema[key] ?? []) as unknown[]);
  return [schema, ...parts.flatMap((part) => alternatives(part, resolve, depth + 1))];
}

function pointerTo(
  spec: OpenApi,
  operation: Operation,
  [path = '', verb = '', type = '']: string[],
) {
  const ref = operation.requestBody?.['$ref'];
  const base =
    typeof ref === 'string' ? ref.slice(1) : `/paths/${escape(path)}/${verb}/requestBody`;
  assertThere(follow(spec, `#${base}`), base);
  return `${base}/content/${escape(type)}/schema`;
}

function assertThere(value: unknown, pointer: string): void {
  if (value === undefined) throw new TypeError(`The description has nothing at "${pointer}"`);
}

function follow(spec: OpenApi, ref: string): Schema {
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
