// Verifies webhooks for extensions: signature in constant time or asked of the vendor, age, and whether the
// same delivery was seen before. Keys may be sealed; nothing that fails says how near it was.

import { createHash, createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';

import * as z from 'zod';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { SightingStore } from '../store/sightings.ts';
import type { Capability, CallScope } from './capability.ts';
import { invalidField } from './failures.ts';
import type { SecretBook } from './secrets.ts';
import { askMollie, askPayPal, mollieScheme, paypalScheme } from './webhook-call-back.ts';
import type { Answered } from './webhook-call-back.ts';

const secret = z.string().min(1).max(1_000);
const toleranceMs = z.int().min(1_000).max(LIMITS.webhookToleranceMsMax).default(300_000);
const signature = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('stripe'), secret, toleranceMs }),
  z.object({ kind: z.literal('standard'), secret, toleranceMs }),
  z.object({
    kind: z.literal('hmac'),
    secret,
    header: z.string().min(1).max(100),
    prefix: z.string().max(50).default(''),
    hash: z.enum(['sha256', 'sha512']).default('sha256'),
    encoding: z.enum(['hex', 'base64']).default('hex'),
  }),
  z.object({
    kind: z.literal('discord'),
    publicKey: z.string().regex(/^[0-9a-f]{64}$/i),
    toleranceMs,
  }),
]);
const scheme = z.discriminatedUnion('kind', [...signature.options, paypalScheme, mollieScheme]);
const asked = z.object({
  scheme,
  request: z.object({
    id: z.string().min(1).max(200),
    receivedAt: z.iso.datetime().optional(),
    // Counted first: to check a million names one by one takes seconds.
    headers: z.unknown().refine(hasFewNames, 'has too many').pipe(z.record(z.string(), z.string())),
    body: z.string(),
    bodyEncoding: z.enum(['utf8', 'base64']),
  }),
});

function hasFewNames(headers: unknown): boolean {
  return Object.keys(Object(headers)).length <= LIMITS.webhookHeaders;
}

type Scheme = z.infer<typeof signature>;
type Delivery = { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer };
/** What was signed, the signatures that came with it, and when it was; null where that is not said. */
type Signed = {
  readonly data: Buffer;
  readonly given: readonly Buffer[];
  readonly atMs: number | null;
};

/** What verifying needs. */
export type WebhookPowers = {
  readonly secrets: SecretBook;
  readonly store: Pick<SightingStore, 'seeOnce'>;
  readonly nowMs: () => number;
  /** The instance's own, for vendors that are asked; undefined: it may fetch nothing. */
  readonly fetch: Capability | undefined;
};

/**
 * Makes the `webhook` capability of one isolate. Answers `{valid, why?, replayed, resource?}`: a delivery
 * that was seen before under another id is valid and replayed, and so is nothing to act on. `resource` is
 * what a vendor that was asked has told.
 */
export function createWebhookCheck(powers: WebhookPowers): Capability {
  const { secrets, store, nowMs } = powers;
  return async (payload, scope) => {
    const parsed = asked.safeParse(payload);
    if (!parsed.success) {
      const remedy = 'Pass the request as the handler got it, and a scheme as the SDK describes it';
      throw invalidField('Webhook', parsed.error, remedy);
    }
    const { scheme: how, request } = parsed.data;
    const delivery = {
      headers: request.headers,
      body: Buffer.from(request.body, request.bodyEncoding),
    };
    // Deliveries wait in a queue: what counts is when this one came in, not when it is handled.
    const receivedMs = Date.parse(request.receivedAt ?? '') || nowMs();
    const tolerance = 'toleranceMs' in how ? how.toleranceMs : LIMITS.webhookToleranceMsMax;
    const isLate = (atMs: number | null): boolean =>
      atMs !== null && !(Math.abs(receivedMs - atMs) <= tolerance);
    const answered =
      how.kind === 'paypal' || how.kind === 'mollie'
        ? await askVendor(how, delivery, { powers, scope })
        : checkSignature(how, delivery, { secrets, isLate });
    if ('why' in answered) return refused(answered.why);
    const { mark: seen, atMs, ...told } = answered;
    if (isLate(atMs)) return refused(LATE);
    if (seen === null) return { value: { valid: true, replayed: false, ...told } };
    const until = (atMs ?? receivedMs) + tolerance;
    const id = createHash('sha256').update(seen).digest('hex');
    const mark = { instance: scope.instance, id, by: request.id };
    const bounds = { nowMs: nowMs(), expiresMs: until, keep: LIMITS.webhooksSeen };
    const answer = await store.seeOnce(mark, bounds);
    if (answer === 'full') {
      throw new HostError('EXTENSION_QUOTA_EXCEEDED', 'Too many webhooks are remembered', {
        remedy: 'Use a shorter tolerance, or wait until the oldest are forgotten',
      });
    }
    return { value: { valid: true, replayed: answer === 'seen' } };
  };
}

const LATE = 'it is too old, or from the future: check the clock of the host';

function checkSignature(
  how: Scheme,
  delivery: Delivery,
  {
    secrets,
    isLate,
  }: { readonly secrets: SecretBook; readonly isLate: (atMs: number | null) => boolean },
): Answered {
  const signed = readSigned(how, delivery);
  if (signed === undefined) return { why: 'its signature headers are missing or malformed' };
  const { data, given, atMs } = signed;
  if (isLate(atMs)) return { why: LATE };
  const match = given.find((each) => isSignature(how, data, each, secrets));
  if (match === undefined) return { why: 'its signature is not that of the key' };
  return { mark: Buffer.concat([data, match]), atMs };
}

function askVendor(
  how: z.infer<typeof paypalScheme> | z.infer<typeof mollieScheme>,
  delivery: Delivery,
  { powers: { fetch }, scope }: { readonly powers: WebhookPowers; readonly scope: CallScope },
): Promise<Answered> {
  if (fetch === undefined) {
    throw new HostError('CALLER_GRANT_NEEDED', 'Capability "fetch" is not granted', {
      remedy: 'Ask for capabilities.fetch in manifest.json: the vendor has to be asked',
    });
  }
  return how.kind === 'paypal'
    ? askPayPal(how, delivery, { fetch, scope })
    : askMollie(how, delivery, { fetch, scope });
}

function refused(why: string): { value: { valid: false; replayed: false; why: string } } {
  return { value: { valid: false, replayed: false, why } };
}

/** @see https://docs.stripe.com/webhooks#verify-manually · https://www.standardwebhooks.com */
function readSigned(how: Scheme, { headers, body }: Delivery): Signed | undefined {
  switch (how.kind) {
    case 'stripe': {
      const parts = (headers['stripe-signature'] ?? '').split(',').map((part) => part.trim());
      const time = parts.find((part) => part.startsWith('t='))?.slice(2) ?? '';
      const given = parts.filter((part) => part.startsWith('v1=')).map((part) => part.slice(3));
      return signedAt(time, [`${time}.`, body], decode(given, 'hex'));
    }
    case 'standard': {
      const id = headers['webhook-id'] ?? '';
      const time = headers['webhook-timestamp'] ?? '';
      const given = (headers['webhook-signature'] ?? '').split(' ');
      const versioned = given.filter((each) => each.startsWith('v1,')).map((each) => each.slice(3));
      if (id === '') return undefined;
      return signedAt(time, [`${id}.${time}.`, body], decode(versioned, 'base64'));
    }
    case 'discord': {
      const time = headers['x-signature-timestamp'] ?? '';
      const given = decode([headers['x-signature-ed25519'] ?? ''], 'hex');
      return signedAt(time, [time, body], given);
    }
    case 'hmac': {
      const name = how.header.toLowerCase();
      // Its name is the author's: "constructor" is no header of a request without one.
      const value = (Object.hasOwn(headers, name) ? headers[name] : undefined) ?? '';
      if (!value.startsWith(how.prefix)) return undefined;
      const given = decode([value.slice(how.prefix.length)], how.encoding);
      return given.length === 0 ? undefined : { data: body, given, atMs: null };
    }
  }
}

function signedAt(
  seconds: string,
  parts: readonly (string | Buffer)[],
  given: readonly Buffer[],
): Signed | undefined {
  if (!/^\d{1,12}$/.test(seconds) || given.length === 0) return undefined;
  const data = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return { data, given, atMs: Number(seconds) * 1_000 };
}

/** A vendor that changes its key sends a few; more is an attack. */
const SIGNATURES_MAX = 10;

function decode(texts: readonly string[], encoding: 'hex' | 'base64'): Buffer[] {
  const pattern = encoding === 'hex' ? /^(?:[0-9a-f]{2})+$/i : /^[A-Za-z0-9+/]+={0,2}$/;
  const fit = texts.filter((text) => pattern.test(text)).slice(0, SIGNATURES_MAX);
  return fit.map((text) => Buffer.from(text, encoding));
}

function isSignature(how: Scheme, data: Buffer, given: Buffer, secrets: SecretBook): boolean {
  if (how.kind === 'discord') {
    const x = Buffer.from(how.publicKey, 'hex').toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return given.length === 64 && verify(null, data, key, given);
  }
  const hash = how.kind === 'hmac' ? how.hash : 'sha256';
  const right = createHmac(hash, keyOf(how, secrets)).update(data).digest();
  return right.length === given.length && timingSafeEqual(right, given);
}

function keyOf(how: Exclude<Scheme, { kind: 'discord' }>, secrets: SecretBook): string | Buffer {
  const isSealed = how.secret.startsWith('sealed:');
  const value = isSealed ? secrets.valueOf(how.secret) : how.secret;
  if (value === undefined) {
    throw new HostError(
      'EXTENSION_OUTPUT_INVALID',
      'Webhook: the secret is not one of this instance',
      {
        details: { rule: 'unknown-stand-in' },
        remedy:
          'Use the value of config, whose stand-in changes with every start, or earn what has ended again',
      },
    );
  }
  // Standard Webhooks keys are bytes in Base64; Stripe's are used as they stand, prefix and all.
  return how.kind === 'standard' ? Buffer.from(value.replace(/^whsec_/, ''), 'base64') : value;
}
