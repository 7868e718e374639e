// An extension that the builder runs once, so that the code caches of the platform hold what most extensions
// use. Every piece has to be touched: one that was not has no cache. Its requests are answered with `{}`, the
// second one in chunks.

type Context = {
  readonly fetch: typeof fetch;
  readonly log: { info(message: string): void };
  readonly call: { readonly signal: AbortSignal };
};
type Schema = { safeParse(value: unknown): unknown };
type Zod = { string(): Schema; object(fields: Record<string, Schema>): Schema };

declare function cofferdamRequire(name: string): unknown;

const { z } = cofferdamRequire('cofferdam:schema') as { readonly z: Zod };
const touched = [
  ...[MessageChannel, TextDecoderStream, ReadableStream, URLPattern, FormData],
  cofferdamRequire('cofferdam:buffer'),
];

/** What an extension does with a vendor: addresses, JSON there and back, a body in parts, a signature. */
async function execute(_input: unknown, { fetch, log, call }: Context): Promise<unknown> {
  const url = new URL('/things?page=1', 'https://vendor.example');
  url.searchParams.set('page', '2');
  const headers = { authorization: 'Bearer key', 'content-type': 'application/json' };
  const reply = await fetch(url, { method: 'POST', headers, body: '{"a":1}', signal: call.signal });
  log.info(`${reply.status} ${reply.headers.get('content-type')}`);
  const said = [reply.ok, await reply.json()];
  const { body } = await fetch(String(url), {
    body: new URLSearchParams({ a: 'b' }),
    method: 'PUT',
  });
  if (body !== null) for await (const chunk of body) said.push(new TextDecoder().decode(chunk));
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', new Uint8Array(32), hmac, false, ['sign']);
  said.push(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(crypto.randomUUID())));
  return [said.length, z.object({ a: z.string() }).safeParse({ a: btoa('b') }), touched.length];
}

export default { category: 'others', execute };
