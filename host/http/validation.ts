// What comes in is checked by the schema of its route; what does not fit is named: the field, what is
// wrong with its value, what it takes.

import { Ajv } from 'ajv';
import type { Options, ValidateFunction } from 'ajv';
import type { FastifyInstance, FastifySchemaValidationError } from 'fastify';

import { HostError } from '../errors.ts';
import type { ErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { assertUtf8 } from './protocol.ts';

/**
 * Query values are text: numbers in them are read as numbers; bodies are taken as they are.
 *
 * A check is compiled at its first use: all of them are 0.1 s of a start, and most are never used. That the
 * schemas are sound is a test's matter, not that of each start.
 */
export function checkInputs(app: FastifyInstance): void {
  const shared: Options = {
    ...{ useDefaults: true, allowUnionTypes: true, verbose: true },
    ...{ strict: false, meta: false, validateSchema: false },
  };
  const loose = new Ajv({ ...shared, coerceTypes: true });
  const exact = new Ajv(shared);
  app.setValidatorCompiler(({ schema, httpPart }) => {
    let compiled: ValidateFunction | undefined;
    const check: Check = (value) => {
      compiled ??= (httpPart === 'querystring' ? loose : exact).compile(schema as object);
      const isValid = compiled(value);
      // Where Fastify reads why it is not.
      check.errors = compiled.errors ?? null;
      return isValid;
    };
    return check;
  });
}

type Check = { (value: unknown): boolean; errors?: FastifySchemaValidationError[] | null };

/** Reads JSON bodies: bounded in depth, and none at all is as good as an absent one. */
export function readJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    try {
      assertUtf8(request);
    } catch (error) {
      return done(error as Error);
    }
    if (body === '') return done(null, null);
    // A short text cannot be nested deep enough to hurt.
    if (body.length > LIMITS.jsonDepth * 32 && depthOf(String(body)) > LIMITS.jsonDepth) {
      return done(
        new HostError('CALLER_INPUT_INVALID', `The body is nested over ${LIMITS.jsonDepth} deep`, {
          remedy: 'Send a flatter value',
          details: { field: 'body', limit: LIMITS.jsonDepth },
        }),
      );
    }
    void parse(request, String(body), done);
  });
}

/** The first thing that did not fit its schema, in words. */
export function describeInvalid(
  [first]: readonly FastifySchemaValidationError[],
  part: string,
): ErrorData {
  const path = (first?.instancePath ?? '').slice(1).replaceAll('/', '.');
  const params: Record<string, unknown> = first?.params ?? {};
  const extra = params['additionalProperty'] ?? params['missingProperty'];
  const field = [path, extra].filter((name) => name !== '' && name !== undefined).join('.');
  const where = field === '' ? `The ${part}` : `${part} "${field}"`;
  const allowed = params['allowedValues'];
  const values = Array.isArray(allowed) ? `: ${allowed.join(', ')}` : '';
  return {
    code: 'CALLER_INPUT_INVALID',
    message: `${where} ${first?.message ?? 'is not valid'}${values}`,
    remedy: remedyFor(first, field),
    details: { field: field === '' ? part : field },
  };
}

/** What to send instead, as the violated schema says it. */
function remedyFor(first: FastifySchemaValidationError | undefined, field: string): string {
  // Ajv adds the schema that was violated (`verbose`); fastify's type does not know it.
  const schema = recordOf(recordOf(first)['parentSchema']);
  const { keyword } = first ?? {};
  if (keyword === 'additionalProperties') {
    const known = Object.keys(recordOf(schema['properties'])).join(', ');
    return `Leave "${field}" away: ${known === '' ? 'none is known' : `known are ${known}`}`;
  }
  if (keyword === 'required') return `Send "${field}"`;
  const bounds = Object.entries(BOUNDS)
    .filter(([name]) => schema[name] !== undefined)
    .map(([name, word]) => `${word} ${String(schema[name])}`.trim());
  if (bounds.length === 0) return 'See /openapi.json, which describes every request';
  return `Send ${field === '' ? 'one' : `"${field}"`} that is ${bounds.join(', ')}`;
}

const BOUNDS = {
  type: 'of type',
  enum: 'one of',
  minimum: 'at least',
  maximum: 'at most',
  minLength: 'at least this many characters long:',
  maxLength: 'at most this many characters long:',
  minItems: 'at least this many items long:',
  maxItems: 'at most this many items long:',
  pattern: 'a match of',
} as const;

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** Nesting of brackets, strings skipped: a cheap bound before anything recursive looks at the value. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === 92) at += 1;
      else if (code === 34) quoted = false;
    } else if (code === 34) quoted = true;
    else if (code === 91 || code === 123) deepest = Math.max(deepest, (depth += 1));
    else if (code === 93 || code === 125) depth -= 1;
  }
  return deepest;
}
