// Stripe's own descriptions as checks: its OpenAPI of 2023-08-16 for requests, its fixtures of a current
// version for the names of fields. Present only beside a checkout that has the shared specifications.

import { existsSync, readFileSync } from 'node:fs';

import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';

import { DOCUMENTATION, noteJudged } from '../oracle.ts';
import { readYaml } from '../yaml.ts';
import type { StripeRequest } from './fake.ts';
import type { FormValue } from './form.ts';
import type { StripeObject } from './objects.ts';

const SPECS = new URL('../../../../shared/specs/', import.meta.url);

// Newer than the description of 2023; that these exist is checked by the types of the official SDK.
const NEWER_PARAMS = ['adaptive_pricing', 'api_version'];
const NEWER_VALUES = ['refund.failed'];
const NEWER_PATHS = ['/v1/invoice_payments'];

type Schema = { [name: string]: unknown };
type Operation = {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
};
type Spec = { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };

/** What is wrong with a request by Stripe's description; undefined where that is absent. */
export function loadRequestCheck(): ((request: StripeRequest) => string[]) | undefined {
  const file = new URL('stripe-spec3-2023.yaml', SPECS);
  if (!existsSync(file)) return undefined;
  // The file is Stripe's own and unchanged; its shape is OpenAPI's.
  const spec = readYaml(file) as Spec;
  const ajv = new Ajv2020({
    strict: false,
    validateFormats: false,
    allErrors: true,
    coerceTypes: true,
  });
  const compiled = new Map<string, ValidateFunction>();
  return ({ method, path, params }) => {
    if (NEWER_PATHS.includes(path)) return [];
    const at = `${method} ${path}`;
    const template = Object.keys(spec.paths).find((one) => toPattern(one).test(path)) ?? '';
    const operation = spec.paths[template]?.[method.toLowerCase()];
    if (operation === undefined) return [`${at} does not exist`];
    if (method !== 'POST') {
      const known = (operation.parameters ?? []).map(({ name }) => name);
      const unknown = Object.keys(params).filter((name) => !known.includes(name));
      return unknown.map((name) => `${at} has no "${name}"`);
    }
    const schema = operation.requestBody?.content['application/x-www-form-urlencoded']?.schema;
    const validate = compiled.get(template) ?? ajv.compile(closed(schema ?? {}));
    compiled.set(template, validate);
    const older = Object.entries(params)
      .filter(([name]) => !NEWER_PARAMS.includes(name))
      .map(([name, value]) => [name, dropNewer(value)]);
    validate(structuredClone(Object.fromEntries(older)));
    return (validate.errors ?? []).map(({ instancePath, message, params: about }) => {
      const name: unknown = about['additionalProperty'] ?? '';
      return `${at} ${instancePath} ${message} ${String(name)}`;
    });
  };
}

/**
 * The same check, read at the first request: the description has megabytes, and most who start the fake
 * never need it.
 */
export function createLazyCheck(): (request: StripeRequest) => readonly string[] {
  let loaded: { readonly check: ReturnType<typeof loadRequestCheck> } | undefined;
  return (request) => {
    loaded ??= { check: loadRequestCheck() };
    const isNewer = NEWER_PATHS.includes(request.path);
    const { check } = loaded;
    noteJudged(
      'gateways/stripe',
      check === undefined || isNewer ? DOCUMENTATION : 'stripe-spec3-2023.yaml',
    );
    return check?.(request) ?? [];
  };
}

/** Fields of an object that Stripe's fixture of its kind does not have; undefined where that is absent. */
export function loadFieldCheck(): ((object: StripeObject) => string[]) | undefined {
  const file = new URL('stripe-fixtures3.json', SPECS);
  if (!existsSync(file)) return undefined;
  const { resources } = JSON.parse(readFileSync(file, 'utf8')) as { resources: Schema };
  return (object) => {
    const fixture = resources[object.object];
    if (typeof fixture !== 'object' || fixture === null) return [`no fixture of ${object.object}`];
    return Object.keys(object)
      .filter((name) => !Object.hasOwn(fixture, name))
      .map((name) => `${object.object} has no "${name}"`);
  };
}

function dropNewer(value: FormValue): FormValue {
  if (!Array.isArray(value)) return value;
  return value.filter((item) => typeof item !== 'string' || !NEWER_VALUES.includes(item));
}

function toPattern(template: string): RegExp {
  return new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

/** Refuses unknown names at every depth, as Stripe does. */
function closed(schema: Schema): Schema {
  const copy: Schema = {};
  for (const [name, value] of Object.entries(schema)) {
    copy[name] = Array.isArray(value)
      ? value.map((item: unknown) => (isSchema(item) ? closed(item) : item))
      : isSchema(value)
        ? closed(value)
        : value;
  }
  const isObject = copy['type'] === 'object' && isSchema(copy['properties']);
  return isObject && copy['additionalProperties'] === undefined
    ? { ...copy, additionalProperties: false }
    : copy;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
