// JSON schemas of what comes in: they check requests and are what /openapi.json shows.

import { ROLES } from './auth.ts';
import { LIMITS } from '../limits.ts';

const text = (maxLength: number, more: object = {}): object => ({
  type: 'string',
  minLength: 1,
  maxLength,
  ...more,
});

/** A path parameter. */
const segment = text(100);

export const CATEGORY_PARAMS = {
  type: 'object',
  required: ['category'],
  properties: { category: { ...segment, description: 'servers, gateways or others' } },
} as const;

export const EXTENSION_PARAMS = {
  type: 'object',
  required: ['category', 'name'],
  properties: {
    ...CATEGORY_PARAMS.properties,
    name: { ...segment, description: 'Case and hyphens do not matter' },
  },
} as const;

export const INSTANCE_PARAMS = {
  type: 'object',
  required: ['category', 'name', 'instance'],
  properties: { ...EXTENSION_PARAMS.properties, instance: segment },
} as const;

/** Grants an admin gives; what is left out is given as the manifest asks. */
export const GRANTS = {
  type: 'object',
  additionalProperties: false,
  properties: {
    fetch: {
      type: 'object',
      additionalProperties: false,
      required: ['hosts'],
      properties: { hosts: { type: 'array', maxItems: 50, items: text(260) } },
    },
    lan: {
      type: 'array',
      maxItems: 20,
      description: 'Private ranges that this instance may reach: only an admin can add these',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['cidr', 'reason'],
        properties: {
          cidr: text(50, { pattern: '^[0-9a-fA-F.:]+/\\d{1,3}$' }),
          reason: text(500),
          http: { type: 'boolean', description: 'Plain http is allowed towards this range' },
          ports: {
            type: 'array',
            maxItems: 50,
            items: { type: 'integer', minimum: 1, maximum: 65_535 },
          },
        },
      },
    },
    storage: {
      type: 'object',
      additionalProperties: false,
      required: ['quotaBytes'],
      properties: { quotaBytes: { type: 'integer', minimum: 1 } },
    },
    events: { type: 'array', maxItems: 200, items: text(100) },
    webhook: { type: 'boolean' },
    schedule: {
      type: 'array',
      maxItems: 20,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'cron'],
        properties: { name: text(64), cron: text(100) },
      },
    },
  },
} as const;

export const ENABLE_BODY = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: { grants: GRANTS },
} as const;

export const CALL_BODY = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    input: { description: 'What the handler gets first: any JSON value' },
    deadlineMs: {
      type: 'integer',
      minimum: 1,
      maximum: LIMITS.wallMsMax,
      description: 'Milliseconds from now after which the call is given up',
    },
    dryRun: { type: 'boolean' },
  },
} as const;

export const CALL_REPLY = {
  type: 'object',
  required: ['callId', 'result', 'receipt'],
  properties: {
    callId: { type: 'string' },
    result: { description: "The handler's own JSON" },
    receipt: {
      type: 'object',
      properties: {
        wallMs: { type: 'number' },
        queueMs: { type: 'number' },
        cpuMs: { type: 'number' },
        heapPeakBytes: { type: 'integer' },
        generation: { type: 'string' },
        capabilities: { type: 'object', additionalProperties: true },
      },
    },
  },
} as const;

export const CALLS_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    instance: text(300, { description: 'category/name/instance' }),
    state: { type: 'string', enum: ['running', 'done', 'failed'] },
    after: text(100, { description: 'Id of the last call of the page before' }),
    limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
  },
} as const;

export const AUDIT_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    before: { type: 'integer', minimum: 1, description: 'Id of the last entry of the page before' },
    limit: { type: 'integer', minimum: 1, maximum: 500, default: 100 },
  },
} as const;

export const TOKEN_BODY = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'role'],
  properties: {
    name: text(100),
    role: { type: 'string', enum: ROLES },
    expiresAt: text(40, {
      pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(?::\\d\\d(?:\\.\\d+)?)?Z$',
      description: 'ISO 8601 UTC; absent: never',
    }),
  },
} as const;

/** A plain object of field values. */
export const VALUES_BODY = {
  type: 'object',
  additionalProperties: true,
  maxProperties: 200,
  description: 'Config values by field. "********" keeps a stored secret',
} as const;
