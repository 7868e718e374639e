// The JSON schema of grants: what an admin may send with `enable`, and what a view shows.

import { SECRET_PLACES } from '../../sdk/manifest.ts';

/** A text of 1 to `maxLength` characters; `more` adds to its schema. */
export function text(maxLength: number, more: object = {}): object {
  return { type: 'string', minLength: 1, maxLength, ...more };
}

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
    lock: {
      type: 'array',
      maxItems: 1_000,
      description: 'Requests of no other kind leave; absent: a lock that there is stays',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['method', 'host', 'path'],
        properties: {
          method: text(20, { pattern: '^[A-Z]+$' }),
          host: text(300),
          path: text(300, { pattern: '^/' }),
        },
      },
    },
    secrets: {
      type: 'object',
      maxProperties: 200,
      description: 'Where each secret may be sent, by its field',
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        required: ['hosts', 'in'],
        properties: {
          hosts: { type: 'array', maxItems: 50, items: text(260) },
          in: { type: 'array', maxItems: 20, items: { enum: SECRET_PLACES } },
          earned: {
            type: ['object', 'null'],
            description:
              'Given by the vendor in replies to this path, and sealed there; null: no longer',
            additionalProperties: true,
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
