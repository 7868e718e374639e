// JSON schemas of what goes out, for /openapi.json: nothing is checked or serialised by them at run time,
// tests hold real replies against them.

import { STATUS_BY_CODE } from './problems.ts';
import { ROLES } from './auth.ts';
import { GRANTS } from './grants.ts';
import { list, object } from './answers.ts';
import { DELIVERY_KINDS, DELIVERY_STATES } from '../store/deliveries.ts';

const string = { type: 'string' } as const;
const stringOrNull = { type: ['string', 'null'] } as const;
const boolean = { type: 'boolean' } as const;
const time = { type: 'string', format: 'date-time', description: 'ISO 8601 UTC' } as const;
const anything = { type: 'object', additionalProperties: true } as const;

const PROBLEM = {
  $id: 'Problem',
  description: 'RFC 9457 problem details. "code" is stable and starts with who must act.',
  ...object(
    {
      type: string,
      title: string,
      status: { type: 'integer' },
      detail: string,
      code: { type: 'string', enum: Object.keys(STATUS_BY_CODE) },
      remedy: { type: 'string', description: 'What to do about it' },
      callId: string,
      details: anything,
    },
    ['remedy', 'callId', 'details'],
  ),
};

const FAILURE = {
  $id: 'Failure',
  description: 'What went wrong, outside of a reply of its own',
  ...object({ code: string, message: string, remedy: string, details: anything }, [
    'remedy',
    'details',
  ]),
};

const GRANTS_GIVEN = { $id: 'Grants', description: 'Asked for, or given', ...GRANTS };

const RECEIPT = {
  $id: 'Receipt',
  description: 'What a call cost',
  ...object({
    wallMs: { type: 'number' },
    queueMs: { type: 'number' },
    cpuMs: { type: 'number' },
    heapPeakBytes: { type: 'integer' },
    generation: string,
    capabilities: {
      type: 'object',
      additionalProperties: object({
        calls: { type: 'integer' },
        bytesOut: { type: 'integer' },
        bytesIn: { type: 'integer' },
        denied: { type: 'integer' },
      }),
    },
  }),
};

const INSTANCE = {
  $id: 'Instance',
  description: 'An extension with one config and the grants of an admin',
  ...object({
    instance: string,
    state: {
      type: 'string',
      enum: [
        'disabled',
        'starting',
        'running',
        'idle',
        'failed',
        'quarantined',
        'waiting-for-grant',
      ],
    },
    enabled: boolean,
    trusted: boolean,
    generation: { type: ['string', 'null'] },
    grants: { oneOf: [{ $ref: 'Grants#' }, { type: 'null' }] },
    missingGrants: { $ref: 'Grants#' },
    config: { ...anything, description: 'Secrets read "********"' },
    configVersion: { type: 'integer' },
    lastError: { oneOf: [{ $ref: 'Failure#' }, { type: 'null' }] },
    callsRunning: { type: 'integer' },
    deniedRequests: { type: 'integer', description: 'Requests refused since the host started' },
  }),
};

const COUNTED = { count: { type: 'integer' }, firstAt: time, lastAt: time } as const;

const USE = {
  method: string,
  host: { type: 'string', description: 'With a port when it is not the own one of https' },
  path: { type: 'string', description: 'Its shape, such as "/v1/things/{id}"' },
} as const;

const ACCESS_REQUEST = {
  $id: 'AccessRequest',
  description: 'A first use outside the lock of an instance',
  ...object({ id: string, instance: string, ...USE, ...COUNTED }),
};

const USAGE = {
  $id: 'Usage',
  description: 'What an instance does with its grants',
  ...object({
    instance: { type: 'string', description: 'category/name/instance' },
    grants: { oneOf: [{ $ref: 'Grants#' }, { type: 'null' }] },
    used: list(object({ ...USE, ...COUNTED })),
    denied: list(
      object(
        {
          rule: string,
          setBy: { type: 'string', description: 'Who made the rule' },
          allowedBy: {
            type: ['string', 'null'],
            description: 'The line of manifest or grants that would allow it; null: nothing does',
          },
          target: string,
          message: string,
          remedy: string,
          ...COUNTED,
        },
        ['remedy'],
      ),
    ),
    asked: list({ $ref: 'AccessRequest#' }),
    secrets: list(
      object(
        {
          field: string,
          hosts: list(string),
          in: list(string),
          earned: anything,
          kept: { type: 'integer', description: 'Of what a vendor gives: kept sealed now' },
        },
        ['earned', 'kept'],
      ),
    ),
    proposal: object({ grants: { $ref: 'Grants#' }, drops: list(string) }),
  }),
};

const EXTENSION = {
  $id: 'Extension',
  ...object(
    {
      category: string,
      name: string,
      displayName: string,
      description: string,
      author: string,
      version: string,
      type: string,
      shipped: boolean,
      state: { type: 'string', enum: ['ready', 'broken', 'enabled'] },
      requested: { $ref: 'Grants#' },
      reason: string,
      handlers: list(string),
      actions: list(string),
      pages: list(string),
      generations: list(object({ generation: string, version: string, at: time })),
      problems: list(
        object(
          {
            file: string,
            line: { type: 'integer', description: 'From 1; 0 when there is no place' },
            column: { type: 'integer' },
            message: string,
            lineText: string,
            remedy: string,
          },
          ['lineText', 'remedy'],
        ),
      ),
      instances: list({ $ref: 'Instance#' }),
    },
    ['reason'],
  ),
};

const CALL = {
  $id: 'Call',
  description: 'What is kept of a call; input, result and requests only when one is asked for',
  ...object(
    {
      callId: string,
      instance: { type: 'string', description: 'category/name/instance' },
      handler: string,
      actor: string,
      startedAt: time,
      state: { type: 'string', enum: ['running', 'done', 'failed'] },
      error: { $ref: 'Failure#' },
      receipt: { $ref: 'Receipt#' },
      input: {},
      result: {},
      requests: list({}),
      replayOf: string,
    },
    ['error', 'receipt', 'input', 'result', 'requests', 'replayOf'],
  ),
};

const OUTCOME = {
  $id: 'Outcome',
  ...object({
    callId: string,
    result: { description: "The handler's own JSON" },
    receipt: { $ref: 'Receipt#' },
  }),
};

/** What a token is narrowed to. */
export const SCOPE = {
  type: ['array', 'null'],
  items: string,
  description: 'Extensions and instances that it is narrowed to; null: nothing is closed',
} as const;

const TOKEN = {
  $id: 'Token',
  ...object({
    id: string,
    name: string,
    role: { type: 'string', enum: ROLES },
    createdAt: time,
    expiresAt: { type: ['string', 'null'], description: 'ISO 8601 UTC; null: never' },
    scope: SCOPE,
    requestsPerMinute: { type: ['integer', 'null'], description: "null: the host's own bound" },
  }),
};

const AUDIT_ENTRY = {
  $id: 'AuditEntry',
  ...object(
    {
      id: { type: 'integer' },
      at: time,
      actor: { type: 'string', description: 'Id of a token, or an address that had none' },
      role: string,
      action: string,
      subject: string,
      outcome: {
        type: 'string',
        description: 'done, unauthenticated, forbidden, rate-limited, or the code of a failure',
      },
      details: anything,
    },
    ['details'],
  ),
};

const FACT = {
  $id: 'Fact',
  description:
    'An entry of the ledger: what a gateway says of one payment, refund, dispute or token',
  ...object({
    cursor: string,
    instance: { type: 'string', description: 'category/name/instance' },
    externalId: string,
    kind: { type: 'string', enum: ['payment', 'refund', 'dispute', 'token'] },
    state: {
      type: 'string',
      enum: ['failed', 'processing', 'succeeded', 'refunded', 'disputed'],
      description: 'Moves from left to right only',
    },
    amountMinor: { type: 'integer', description: 'In the smallest unit of the currency' },
    currency: { type: 'string', description: 'ISO 4217' },
    invoiceId: stringOrNull,
    feeMinor: { type: ['integer', 'null'] },
    relatedExternalId: stringOrNull,
    refundedMinor: { type: 'integer' },
    matched: {
      type: ['boolean', 'null'],
      description: 'Whether amount, currency and owner are what was asked; null: nothing was asked',
    },
    problem: { type: ['string', 'null'], description: 'Why a person must look at it' },
    at: time,
    changedAt: time,
  }),
};

const DELIVERY = {
  $id: 'Delivery',
  ...object(
    {
      id: string,
      kind: { type: 'string', enum: DELIVERY_KINDS },
      target: { type: 'string', description: 'category/name/instance, or panel' },
      subject: string,
      type: string,
      state: { type: 'string', enum: DELIVERY_STATES },
      attempt: { type: 'integer' },
      createdAt: time,
      dueAt: { type: ['string', 'null'] },
      endedAt: { type: ['string', 'null'] },
      error: { oneOf: [{ $ref: 'Failure#' }, { type: 'null' }] },
      payload: {},
    },
    ['payload'],
  ),
};

const COMPARISON = {
  $id: 'Comparison',
  description: 'What a generation would do otherwise than was recorded',
  ...object({
    generation: string,
    compared: { type: 'integer', description: 'Recorded calls that were run on it' },
    differing: list(object({ callId: string, handler: string, differences: list(string) })),
  }),
};

/** Added to the server, so that routes and OpenAPI refer to them by name. */
export const SHARED_REPLIES = [
  PROBLEM,
  FAILURE,
  GRANTS_GIVEN,
  RECEIPT,
  INSTANCE,
  ACCESS_REQUEST,
  USAGE,
  EXTENSION,
  CALL,
  OUTCOME,
  TOKEN,
  AUDIT_ENTRY,
  FACT,
  DELIVERY,
  COMPARISON,
] as const;
