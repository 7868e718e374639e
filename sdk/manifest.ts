// The shape of manifest.json: what an extension is and what it asks for. The host parses with it,
// authors get a JSON schema of it (`"$schema"`), and nothing that is not asked for here is given.

import * as z from 'zod';

/** Version numbers as semver.org defines them, build metadata included. */
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

/** A name as it appears in paths and URLs. */
export const EXTENSION_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** `api.stripe.com`, `api.example.com:8443`, `*.example.com`, `{config.host}`, `{config.host}:8006`. */
const HOST =
  /^(?:\{config\.[A-Za-z_][A-Za-z0-9_]*\}|(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::\d{1,5})?$/;

const host = z
  .string()
  .max(260)
  .regex(HOST, 'must be a lower-case host name, "*.example.com" or "{config.<field>}", no scheme');

const text = (max: number): z.ZodString => z.string().min(1).max(max);

/** Where the host may put a secret when a request leaves. `url`: the secret is the address itself. */
export const SECRET_PLACES = ['header', 'basic', 'query', 'json', 'form', 'path', 'url'] as const;

/** One of `SECRET_PLACES`. */
export type SecretPlace = (typeof SECRET_PLACES)[number];

const capabilities = z.strictObject({
  fetch: z
    .strictObject({
      hosts: z.array(host).min(1).max(50),
      reason: text(500).optional(),
      /** Of hosts that answer a repeated request with its first outcome: the header of the key. */
      idempotency: z
        .record(
          host,
          z
            .string()
            .regex(/^[A-Za-z][A-Za-z0-9-]{0,60}$/, 'must be a header such as "Idempotency-Key"'),
        )
        .optional(),
    })
    .optional(),
  storage: z
    .strictObject({
      quotaBytes: z
        .int()
        .min(1)
        .max(64 * 1024 * 1024),
    })
    .optional(),
  events: z
    .array(
      z
        .string()
        .max(100)
        .regex(/^[a-z][a-z0-9_]*(?:\.[a-z0-9_*]+)*$/, 'must be a name like "invoice.paid"'),
    )
    .max(200)
    .optional(),
  webhook: z.boolean().optional(),
  schedule: z
    .array(
      z.strictObject({
        name: z.string().regex(EXTENSION_NAME, 'must match [a-z0-9-]'),
        cron: text(100),
      }),
    )
    .max(20)
    .optional(),
});

/** Parses manifest.json; unknown keys are refused. */
export const manifestSchema = z.strictObject({
  $schema: z.string().max(500).optional(),
  apiVersion: z.literal(1),
  type: z.enum(['notification', 'other']).optional(),
  name: text(100),
  description: text(1_000),
  version: z.string().max(100).regex(SEMVER, 'must be a semantic version such as "1.2.0"'),
  author: text(200),
  license: text(100),
  homepage: z
    .url({ protocol: /^https$/, error: 'must be an https URL' })
    .max(500)
    .optional(),
  icon: z
    .string()
    .max(100)
    .regex(/^[A-Za-z0-9_-]+\.(?:svg|png)$/, 'must be the name of an svg or png beside it')
    .optional(),
  category: z.enum(['servers', 'gateways', 'others']),
  capabilities: capabilities.optional(),
  secrets: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, 'must be the name of a config field'),
      z.strictObject({
        hosts: z.array(host).max(50),
        in: z.array(z.enum(SECRET_PLACES)).max(SECRET_PLACES.length),
        /**
         * Not a config field: given by the vendor in replies to this path, and sealed there. `method`: only
         * replies to it must give one; `from`: hosts that give it, when it is not sent to them;
         * `expiresIn`: seconds that it lives, or the dotted path of their number in the JSON.
         */
        earned: z
          .strictObject({
            path: z
              .string()
              .max(500)
              .regex(/^\/[^?#]*$/, 'must be a path such as "/oauth/token"'),
            method: z.enum(['GET', 'POST', 'PUT', 'PATCH']).optional(),
            from: z.array(host).min(1).max(50).optional(),
            expiresIn: z.union([text(200), z.int().min(1).max(315_360_000)]).optional(),
            json: text(200).optional(),
            header: text(100).optional(),
            cookie: text(100).optional(),
          })
          .refine(
            ({ json, header, cookie }) =>
              [json, header, cookie].filter((name) => name !== undefined).length === 1,
            'must name one of "json" (a dotted path), "header" and "cookie"',
          )
          .optional(),
      }),
    )
    .optional(),
  limits: z
    .strictObject({
      cpuMs: z.int().min(1).max(60_000).optional(),
      wallMs: z.int().min(1).max(600_000).optional(),
      memoryMiB: z.int().min(8).max(4_096).optional(),
    })
    .optional(),
});

/** manifest.json, parsed. */
export type Manifest = z.infer<typeof manifestSchema>;

/** The JSON schema that `"$schema"` points an editor at. */
export function manifestJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(manifestSchema, { target: 'draft-2020-12' });
}
