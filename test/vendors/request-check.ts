// An OpenAPI description, a vendor’s own or one written here, as a strict check of requests: path and its
// parameters, verb, query, whether a body is taken, its fields, unknown names. It knows no vendor.

import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';

import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import { parse } from 'yaml';

import type { VendorRequest } from '../contract/vendor.ts';

type Schema = { readonly [name: string]: unknown };
type Parameter = {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
};
type Operation = {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: { readonly [type: string]: { readonly schema: Schema } };
  };
};
type PathItem = { readonly parameters?: readonly Parameter[] } & {
  readonly [method: string]: Operation | undefined;
};

/** What is used of an OpenAPI document. */
export type OpenApi = {
  readonly paths: { readonly [template: string]: unknown };
  readonly components?: { readonly [kind: string]: { readonly [name: string]: unknown } };
};

/** Problems of one request; none means that the vendor would take it. */
export type RequestCheck = (request: VendorRequest) => readonly string[];

/** Reads a shared description; undefined where the folder of shared descriptions is absent. */
export function readOpenApi(name: string): OpenApi | undefined {
  const file = new URL(`../../../shared/specs/${name}`, import.meta.url);
  // The file is the vendor's own and unchanged; its shape is OpenAPI's.
  return existsSync(file) ? (parse(readFileSync(file, 'utf8')) as OpenApi) : undefined;
}

/** Makes the check; `base` stands before every path of the description. */
export function createRequestCheck(document: OpenApi, base: string): RequestCheck {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true, formats: FORMATS });
  const compiled = new Map<string, ValidateFunction>();
  const validate = (schema: Schema, value: unknown): string[] => {
    const key = JSON.stringify(schema);
    const check = compiled.get(key) ?? ajv.compile(closed(document, schema, 0));
    compiled.set(key, check);
    if (check(value)) return [];
    return (check.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `"${instancePath}" ${message ?? ''} ${String(params['additionalProperty'] ?? '')}`,
    );
  };
  return ({ method, path, query, body, json }) => {
    const found = findOperation(document, method, path.slice(base.length));
    if (!path.startsWith(base) || found === undefined) return [`${method} ${path} does not exist`];
    const { parameters, operation, values } = found;
    const problems = parameters.flatMap(({ name, in: place, required, schema = {} }) => {
      const value = place === 'path' ? values.get(name) : query.get(name);
      if (place !== 'path' && place !== 'query') return [];
      if (value === undefined || value === null) return required ? [`"${name}" is missing`] : [];
      return validate(schema, typed(document, schema, value)).map((each) => `${name}: ${each}`);
    });
    const known = parameters.filter((each) => each.in === 'query').map(({ name }) => name);
    for (const name of query.keys()) {
      if (!known.includes(name)) problems.push(`the query has an unknown "${name}"`);
    }
    const schema = operation.requestBody?.content['application/json']?.schema;
    if (schema === undefined) return body === '' ? problems : [...problems, 'a body is not taken'];
    if (json === undefined) return [...problems, 'the body is no JSON'];
    return [...problems, ...validate(schema, json)];
  };
}

const FORMATS = {
  uuid: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  email: /^[^\s@]+@[^\s@]+$/,
  password: true,
  domain: /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/,
  ipv6: (text: string) => isIPv6(text),
  ipv4: /^\d{1,3}(?:\.\d{1,3}){3}$/,
} as const;

function findOperation(document: OpenApi, method: string, path: string) {
  // A literal path counts before one with a parameter.
  const all = Object.entries(document.paths).toSorted(([a], [b]) => braces(a) - braces(b));
  for (const [template, item] of all) {
    const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
    const match = new RegExp(`^${template.replaceAll(/\{\w+\}/g, '([^/]+)')}$`).exec(path);
    const { parameters: shared = [], ...methods } = item as PathItem;
    const operation = methods[method.toLowerCase()];
    if (match === null || operation === undefined) continue;
    const values = new Map(
      names.map((name, at) => [name, decodeURIComponent(match[at + 1] ?? '')]),
    );
    const parameters = [...shared, ...(operation.parameters ?? [])].map(
      // A reference leads to a parameter: the position says so.
      (each) => (each.$ref === undefined ? each : resolve(document, each.$ref)) as Parameter,
    );
    return { parameters, operation, values };
  }
  return undefined;
}

const braces = (template: string): number => template.split('{').length;

/** A text of the address as the type that its schema wants. */
function typed(document: OpenApi, schema: Schema, text: string): unknown {
  const { $ref, type } = schema;
  if (typeof $ref === 'string') return typed(document, resolve(document, $ref), text);
  if ((type === 'integer' || type === 'number') && /^-?\d+$/.test(text)) return Number(text);
  if (type === 'boolean' && /^(?:true|false)$/.test(text)) return text === 'true';
  return text;
}

function resolve(document: OpenApi, reference: string): Schema {
  const [, , kind = '', name = ''] = reference.split('/');
  const found = document.components?.[kind]?.[name];
  if (!isSchema(found)) throw new Error(`The description has no "${reference}"`);
  return found;
}

/** References put in, and unknown names refused at every depth. A recursive schema ends at depth 12. */
function closed(document: OpenApi, schema: Schema, depth: number): Schema {
  if (depth > 12) return {};
  if (typeof schema['$ref'] === 'string') {
    return closed(document, resolve(document, schema['$ref']), depth + 1);
  }
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'example' || name === 'x-validators') continue;
    if (name === 'properties' && isSchema(value)) {
      copy[name] = Object.fromEntries(
        Object.entries(value).map(([field, of]) => [
          field,
          isSchema(of) ? closed(document, of, depth + 1) : of,
        ]),
      );
      continue;
    }
    copy[name] = Array.isArray(value)
      ? value.map((item: unknown) => (isSchema(item) ? closed(document, item, depth + 1) : item))
      : isSchema(value)
        ? closed(document, value, depth + 1)
        : value;
  }
  if (isSchema(copy['properties'])) {
    copy['type'] ??= 'object';
    copy['additionalProperties'] ??= false;
  }
  return copy;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
