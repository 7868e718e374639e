// JSON schemas of what comes in: they check requests and are what /openapi.json shows.

import { ROLES } from './auth.ts';
import { GRANTS, text } from './grants.ts';
import { LIMITS } from '../limits.ts';
import { DELIVERY_KINDS, DELIVERY_STATES } from '../store/deliveries.ts';

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

export const ENABLE_BODY = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: { grants: GRANTS },
} as const;

export const LOCK_BODY = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: { lock: { ...GRANTS.properties.lock, description: 'Absent: what was observed' } },
} as const;

export const REQUEST_PARAMS = {
  type: 'object',
  required: ['id'],
  properties: { id: segment },
} as const;

export const INSTANCE_BODY = {
  type: 'object',
  required: ['instance'],
  additionalProperties: false,
  properties: { instance: text(63) },
} as const;

export const TRUST_BODY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    trusted: { type: 'boolean', description: 'Trusted extensions share one process' },
  },
} as const;

export const ROLLBACK_BODY = {
  type: 'object',
  required: ['generation'],
  additionalProperties: false,
  properties: { generation: { type: 'string', pattern: '^[0-9a-f]{64}$' } },
} as const;

export const CONFIG_ROLLBACK_BODY = {
  type: 'object',
  required: ['version'],
  additionalProperties: false,
  properties: { version: { type: 'integer', minimum: 1 } },
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

/** The last part of a call's path. */
export const HANDLER_PARAM = {
  type: 'string',
  minLength: 1,
  maxLength: 200,
  description: 'Such as "create", or "actions.reboot"',
} as const;

/** The header of a call that must not run twice. */
export const IDEMPOTENCY_KEY = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  description: 'A repeat with the same key gets the stored outcome',
} as const;

export const CALL_PARAMS = {
  type: 'object',
  required: ['callId'],
  properties: { callId: segment },
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

/** What the panel tells. */
export const EVENT_BODY = {
  type: 'object',
  required: ['type', 'data'],
  additionalProperties: false,
  properties: {
    id: text(255, {
      pattern: '^[\\x21-\\x7e]+$',
      description: 'A repeat with the same id reaches nobody twice; made when absent',
    }),
    type: text(100, {
      pattern: '^[a-z][a-z0-9_]*(\\.[a-z0-9_]+)*$',
      description: 'Such as "invoice.paid"',
    }),
    data: { type: 'object', additionalProperties: true },
    subject: text(255, {
      pattern: '^[^\\u0000]*$',
      description: 'Events of one subject reach an instance in the order they were sent',
    }),
  },
} as const;

export const FACTS_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    after: { type: 'string', pattern: '^\\d{1,15}$', default: '0', description: 'A cursor' },
    limit: { type: 'integer', minimum: 1, maximum: 500, default: 100 },
    instance: text(300, { description: 'category/name/instance' }),
  },
} as const;

export const DELIVERY_PARAMS = {
  type: 'object',
  required: ['id'],
  properties: { id: segment },
} as const;

export const DELIVERIES_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    state: { type: 'string', enum: DELIVERY_STATES },
    kind: { type: 'string', enum: DELIVERY_KINDS },
    target: text(300, { description: 'category/name/instance, or panel' }),
    before: { type: 'integer', minimum: 1, description: '"next" of the page before' },
    limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
  },
} as const;

export const REPLAY_BODY = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    mode: {
      type: 'string',
      enum: ['recorded', 'live'],
      description:
        'recorded (default): with the answers it had then, no effect; live: for real, as a new call',
    },
    generation: { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'The code to run it on' },
  },
} as const;

export const COMPARE_BODY = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    generation: { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'Absent: the newest' },
    last: { type: 'integer', minimum: 1, maximum: LIMITS.comparedCalls, default: 20 },
  },
} as const;

export const INSTALL_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    compare: {
      type: 'integer',
      minimum: 1,
      maximum: LIMITS.comparedCalls,
      description:
        'Hold an update back when this many of the last recorded calls go otherwise on it',
    },
  },
} as const;

/** What a person says of a call that was cut off. */
export const RESOLVE_BODY = {
  type: 'object',
  required: ['as'],
  additionalProperties: false,
  properties: {
    as: {
      type: 'string',
      enum: ['done', 'failed', 'again'],
      description: 'again: the effect is not there, run it from the beginning',
    },
    result: { description: 'For done: what the handler would have answered' },
    message: text(2_000, { description: 'For failed: why' }),
  },
} as const;

/** A moment; one that does not exist, such as the 31st of June, is refused by `parseDate`. */
const DATE = text(40, {
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(?::\\d\\d(?:\\.\\d+)?)?Z$',
  description: 'Not before this time; ISO 8601 UTC',
});

export const AUDIT_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    actor: text(200, { description: 'Id of a token, or an address that had none' }),
    action: text(200, {
      description: 'Such as "instance.enable"; "instance" for all that begin with "instance."',
    }),
    subject: text(300, {
      description: 'Such as "servers/proxmox/default"; "servers/proxmox" for all of its instances',
    }),
    outcome: text(100, { description: 'Such as "done", "forbidden", or the code of a failure' }),
    since: DATE,
    until: { ...DATE, description: 'Before this time; ISO 8601 UTC' },
    before: { type: 'integer', minimum: 1, description: '"next" of the page before' },
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
    expiresAt: { ...DATE, description: 'ISO 8601 UTC; absent: never' },
    scope: {
      type: 'array',
      minItems: 1,
      maxItems: LIMITS.scopeEntries,
      items: text(200),
      description:
        'What it is narrowed to: "category/name", or "category/name/instance"; absent: nothing is closed',
    },
    requestsPerMinute: {
      type: 'integer',
      minimum: 1,
      maximum: LIMITS.requestsPerMinute,
      description: `Requests that one host lets through in a minute; absent: ${LIMITS.requestsPerMinute}`,
    },
  },
} as const;

export const TOKEN_PARAMS = {
  type: 'object',
  required: ['id'],
  properties: { id: segment },
} as const;

/** A plain object of field values. */
export const VALUES_BODY = {
  type: 'object',
  additionalProperties: true,
  maxProperties: 200,
  description: 'Config values by field. "********" keeps a stored secret',
} as const;

export const TEST_BODY = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: { values: VALUES_BODY },
} as const;

export const TEST_REPLY = {
  type: 'object',
  required: ['ok', 'callId'],
  properties: {
    ok: { type: 'boolean' },
    message: { type: 'string' },
    remedy: { type: 'string' },
    callId: { type: 'string' },
  },
} as const;
