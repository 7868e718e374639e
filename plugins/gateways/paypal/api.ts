// PayPal's REST API over the host's fetch: access tokens and repeatable requests.
// The client secret goes into the token request only; every other request carries the token.

import {
  createRemote,
  digestKey,
  isFailure,
  isForgottenSecret,
  operationKey,
  readShape,
} from 'cofferdam/sdk';
import type { RemoteReply, RemoteRequest, z } from 'cofferdam/sdk';

import type { PayPalContext } from './config.ts';
import { explain } from './refusals.ts';
import * as shapes from './shapes.ts';

const BASE_URLS = {
  live: 'https://api-m.paypal.com',
  sandbox: 'https://api-m.sandbox.paypal.com',
} as const;

/** Milliseconds that a token is given up before it expires, so that none dies under way. */
const TOKEN_MARGIN_MS = 60_000;

/**
 * One request. PayPal answers a repeat with the first outcome instead of a second effect: `step` names
 * what it does within the operation, `once` something that may happen once whatever the operation.
 */
export type PayPalRequest = Pick<RemoteRequest, 'query' | 'json' | 'body' | 'accept'> & {
  readonly step?: string;
  readonly once?: string;
};

/** The API of one account, for the length of one call. */
export type PayPal = {
  /** Runs `use` with an access token, once more with a new one when `isStale` says so of its failure. */
  authorised<T>(
    use: (token: string) => Promise<T>,
    isStale: (error: unknown) => boolean,
  ): Promise<T>;
  /** Sends a request; the reply is one that PayPal meant as success, or a status of `accept`. */
  send(method: string, path: string, request?: PayPalRequest): Promise<RemoteReply>;
  /** Sends a request and reads the object that comes back. */
  ask<T>(
    shape: z.ZodType<T>,
    at: readonly [method: string, path: string],
    request?: PayPalRequest,
  ): Promise<T>;
  /** Reads an object; undefined when there is none. */
  find<T>(shape: z.ZodType<T>, path: string): Promise<T | undefined>;
};

/** Makes the client of one call. */
export function createPayPal(ctx: PayPalContext): PayPal {
  const baseUrl = BASE_URLS[ctx.config.environment];
  const remote = createRemote({ name: 'PayPal', fetch: ctx.fetch, baseUrl, explain });
  const { signal } = ctx.call;

  const requestToken = async (): Promise<string> => {
    const credentials = btoa(`${ctx.config.clientId}:${ctx.config.clientSecret}`);
    const reply = await remote.request('POST', '/v1/oauth2/token', {
      form: { grant_type: 'client_credentials' },
      headers: { authorization: `Basic ${credentials}` },
      signal,
    });
    const { access_token, expires_in } = readShape(
      shapes.token,
      reply.json,
      "PayPal's access token",
    );
    const ttlMs = expires_in * 1_000 - TOKEN_MARGIN_MS;
    if (ttlMs > 0) await ctx.storage.set(tokenKey(ctx), access_token, { ttlMs });
    return access_token;
  };

  const authorised: PayPal['authorised'] = async (use, isStale) => {
    const cached = await ctx.storage.get<string>(tokenKey(ctx));
    if (cached === null) return await use(await requestToken());
    try {
      return await use(cached);
    } catch (error) {
      // PayPal may end a token early, as when the secret is renewed: one new one is worth a try.
      // The host forgets what it sealed when that ends, and when config or code asks for another kind of it.
      if (!isStale(error) && !isForgottenSecret(error)) throw error;
      await ctx.storage.delete(tokenKey(ctx));
      return await use(await requestToken());
    }
  };

  const send: PayPal['send'] = async (method, path, { step, once, ...request } = {}) => {
    const key =
      step !== undefined
        ? await operationKey(ctx.call, step)
        : once !== undefined
          ? await digestKey(once)
          : undefined;
    const id = key === undefined ? {} : { 'paypal-request-id': key };
    const whole = method === 'GET' ? {} : { prefer: 'return=representation' };
    const type = request.body === undefined ? {} : { 'content-type': 'application/json' };
    const withToken = (token: string): Promise<RemoteReply> => {
      const headers = { authorization: `Bearer ${token}`, ...id, ...whole, ...type };
      return remote.request(method, path, { ...request, headers, signal });
    };
    return await authorised(withToken, (error) => isFailure(error, 'unauthorized'));
  };

  const ask: PayPal['ask'] = async (shape, [method, path], request) => {
    const { json } = await send(method, path, request);
    return readShape(shape, json, `PayPal's answer to ${method} ${path}`);
  };
  return {
    authorised,
    send,
    ask,
    async find(shape, path) {
      const reply = await send('GET', path, { accept: [404] });
      if (reply.status === 404) return undefined;
      return readShape(shape, reply.json, `PayPal's answer to GET ${path}`);
    },
  };
}

/** Forgets the access token, so that the next request proves that the credentials work. */
export async function forgetToken(ctx: PayPalContext): Promise<void> {
  await ctx.storage.delete(tokenKey(ctx));
}

/** The address of a link by its relation; the first relation that there is wins. */
export function linkOf(
  { links }: { readonly links: shapes.Links },
  ...relations: readonly string[]
): string | undefined {
  return relations
    .map((relation) => links.find(({ rel }) => rel === relation)?.href)
    .find((href) => href !== undefined);
}

function tokenKey({ config }: PayPalContext): string {
  return `token:${config.environment}:${config.clientId}`;
}
