// The web platform inside an isolate, checked against Node's own: each snippet runs in both and must give
// the same JSON.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { other, startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';

const SNIPPETS: Readonly<Record<string, string>> = {
  'URL parts': `const u = new URL('../a b?x=1#é', 'https://ex.org:8443/p/q/'); return [u.href, u.host, u.port, u.pathname, u.search, u.hash, u.origin, String(u)];`,
  'URL setters': `const u = new URL('https://a.b/c'); u.port = '99'; u.search = 'q=ü'; u.hash = 'h'; u.host = 'x.y'; u.protocol = 'http'; u.pathname = '/z z'; u.username = 'me'; return [u.href, u.searchParams.get('q')];`,
  'URL failures': `return [URL.canParse('nope'), URL.canParse('a', 'http://b'), URL.parse('nope'), (() => { try { new URL('//'); } catch (e) { return e.name; } })()];`,
  'punycode and IPv6': `return ['https://bücher.de', 'http://[::FFFF:1.2.3.4]/', 'http://0x7f.1/', 'https://EXAMPLE.com.'].map((each) => new URL(each).host);`,
  'search params': `const p = new URLSearchParams('a=1&b=2&a=3&c=%20+x'); p.append('ü', '&='); p.sort(); p.delete('b'); return [String(p), p.getAll('a'), p.has('a', '3'), p.size, [...p]];`,
  'search params follow the URL': `const u = new URL('http://x/?a=1'); const p = u.searchParams; p.set('a', '2'); u.search = '?b=3'; return [u.href, [...p]];`,
  'text encoder': `const e = new TextEncoder(); return [[...e.encode('aé€😀')], e.encode('\\ud800').toHex(), e.encodeInto('é€', new Uint8Array(4))];`,
  'text decoder': `return [new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 97])), new TextDecoder('utf-16le').decode(new Uint8Array([97, 0, 172, 32])), new TextDecoder('shift_jis').decode(new Uint8Array([0x82, 0xa0])), new TextDecoder('latin1').encoding, (() => { try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])); } catch (e) { return e.name; } })(), (() => { try { new TextDecoder('nope'); } catch (e) { return e.name; } })()];`,
  'text decoder in pieces': `const d = new TextDecoder(); return d.decode(new Uint8Array([0xf0, 0x9f]), { stream: true }) + d.decode(new Uint8Array([0x98]), { stream: true }) + d.decode(new Uint8Array([0x80]));`,
  base64: `return [btoa('\\xff\\x00a'), atob(' YW Jj '), (() => { try { btoa('€'); } catch (e) { return e.name; } })(), (() => { try { atob('a'); } catch (e) { return e.name; } })()];`,
  headers: `const h = new Headers([['B', '1'], ['a', ' 2 '], ['b', '3'], ['Set-Cookie', 'x=1'], ['set-cookie', 'y=2']]); h.append('c', '4'); h.delete('A'); return [[...h], h.get('B'), h.getSetCookie(), h.has('zz'), (() => { try { h.set('bad name', 'x'); } catch (e) { return e.name; } })(), (() => { try { h.set('x', 'a\\nb'); } catch (e) { return e.name; } })()];`,
  request: `const r = new Request('https://a.b/c', { method: 'post', headers: { X: '1' }, body: 'hé' }); const c = r.clone(); return [r.method, r.url, [...r.headers], await r.text(), await c.text(), r.bodyUsed, r.redirect, r.signal.aborted];`,
  'request failures': `const names = []; for (const run of [() => new Request('nope'), () => new Request('https://u:p@a.b'), () => new Request('https://a.b', { method: 'TRACE' }), () => new Request('https://a.b', { body: 'x' })]) { try { run(); names.push('none'); } catch (e) { names.push(e.name); } } return names;`,
  response: `const r = Response.json({ a: [1] }, { status: 201, headers: { x: 'y' } }); return [r.status, r.ok, r.headers.get('content-type'), await r.json(), r.bodyUsed, Response.error().type, Response.redirect('https://a.b/', 303).headers.get('location')];`,
  'response failures': `const names = []; for (const run of [() => new Response('', { status: 700 }), () => new Response('x', { status: 204 }), () => Response.json(undefined), () => Response.redirect('https://a.b', 200)]) { try { run(); names.push('none'); } catch (e) { names.push(e.name); } } return names;`,
  'body kinds': `const kinds = [new URLSearchParams({ a: 'b c' }), new Uint8Array([104, 105]), new Blob(['bl'], { type: 'text/x' }), 'text']; const out = []; for (const kind of kinds) { const r = new Response(kind); out.push([r.headers.get('content-type'), await r.text()]); } return out;`,
  'reading twice': `const r = new Response('x'); await r.text(); try { await r.text(); return 'read'; } catch (e) { return e.name; }`,
  'form data': `const f = new FormData(); f.append('a', '1'); f.append('b', new File(['xyz'], 'n.txt', { type: 'text/plain' })); f.append('a', '2'); const back = await new Response(f).formData(); const file = back.get('b'); return [back.getAll('a'), file.name, file.type, await file.text(), [...back.keys()]];`,
  'url-encoded form': `const r = new Response('a=1&b=%C3%BC', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }); return [...(await r.formData())];`,
  blob: `const b = new Blob(['ab', new Uint8Array([99]), new Blob(['d'])], { type: 'Text/Plain' }); return [b.size, b.type, await b.text(), await b.slice(1, 3).text(), [...(await b.bytes())], await new Response(b.stream()).text()];`,
  streams: `const s = new ReadableStream({ start(c) { c.enqueue('a'); c.enqueue('b'); c.close(); } }).pipeThrough(new TransformStream({ transform(x, c) { c.enqueue(x.toUpperCase()); } })); const out = []; for await (const x of s) out.push(x); return out;`,
  'text streams': `const s = new Response('é€😀').body.pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream()); return [...(await new Response(s).bytes())];`,
  compression: `const out = []; for (const format of ['gzip', 'deflate', 'deflate-raw']) { const packed = new Blob(['hello '.repeat(500)]).stream().pipeThrough(new CompressionStream(format)); const bytes = await new Response(packed).bytes(); const back = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format))).text(); out.push([bytes.length < 200, back.length]); } return out;`,
  'broken compression': `try { await new Response(new Blob(['not gzip']).stream().pipeThrough(new DecompressionStream('gzip'))).text(); return 'read'; } catch (e) { return e.name; }`,
  tee: `const [a, b] = new Response('tee').body.tee(); return [await new Response(a).text(), await new Response(b).text()];`,
  'abort controller': `const c = new AbortController(); const seen = []; c.signal.addEventListener('abort', (e) => seen.push(e.type)); c.signal.onabort = () => seen.push('on'); c.abort('why'); c.abort('again'); return [seen, c.signal.aborted, c.signal.reason, AbortSignal.abort().reason.name];`,
  'abort any and timeout': `const a = new AbortController(); const any = AbortSignal.any([a.signal, AbortSignal.timeout(5)]); await new Promise((r) => any.addEventListener('abort', r)); return [any.reason.name, a.signal.aborted];`,
  events: `const t = new EventTarget(); const seen = []; const f = (e) => seen.push(e.type + (e.detail ?? '')); t.addEventListener('a', f); t.addEventListener('a', f); t.addEventListener('a', { handleEvent() { seen.push('object'); } }, { once: true }); t.dispatchEvent(new CustomEvent('a', { detail: 1 })); t.removeEventListener('a', f); const kept = t.dispatchEvent(new Event('a', { cancelable: true })); return [seen, kept];`,
  'prevented events': `const t = new EventTarget(); t.addEventListener('x', (e) => e.preventDefault()); const e = new Event('x', { cancelable: true }); return [t.dispatchEvent(e), e.defaultPrevented, e.cancelable];`,
  'dom exception': `const e = new DOMException('m', 'AbortError'); return [e.name, e.code, e.message, e instanceof Error, String(e), DOMException.ABORT_ERR];`,
  'structured clone': `const a = { d: new Date(5), r: /x/gi, m: new Map([[1, new Set([2])]]), u: new Uint8Array([1, 2]), e: new RangeError('no'), n: null, s: [,1] }; a.self = a; const b = structuredClone(a); return [b.d.getTime(), String(b.r), [...b.m.get(1)], [...b.u], b.e.name, b.e.message, b.self === b, b !== a, b.s.length, 0 in b.s];`,
  'what cannot be cloned': `const names = []; for (const x of [() => 1, Symbol('s'), new WeakMap(), Promise.resolve()]) { try { structuredClone(x); names.push('cloned'); } catch (e) { names.push(e.name); } } return names;`,
  'transferring a buffer': `const b = new ArrayBuffer(4); const c = structuredClone(b, { transfer: [b] }); return [b.byteLength, c.byteLength];`,
  timers: `const seen = []; const gone = setTimeout(() => seen.push('gone'), 5); clearTimeout(gone); queueMicrotask(() => seen.push('micro')); await new Promise((r) => { let n = 0; const i = setInterval(() => { seen.push(n); if (++n === 2) { clearInterval(i); r(); } }, 2); }); await new Promise((r) => setTimeout(() => { seen.push('late'); r(); }, 20)); return seen;`,
  'random values': `const a = crypto.getRandomValues(new Uint8Array(16)); return [a.length, a.some((x) => x > 0), /^[0-9a-f-]{36}$/.test(crypto.randomUUID()), (() => { try { crypto.getRandomValues(new Float32Array(1)); } catch (e) { return e.name; } })(), (() => { try { crypto.getRandomValues(new Uint8Array(70000)); } catch (e) { return e.name; } })()];`,
  digest: `const out = []; for (const name of ['SHA-1', 'SHA-256', 'SHA-512']) out.push(new Uint8Array(await crypto.subtle.digest(name, new TextEncoder().encode('abc'))).toHex()); return out;`,
  hmac: `const key = await crypto.subtle.importKey('raw', new Uint8Array([1, 2, 3]), { name: 'HMAC', hash: 'SHA-256' }, true, ['sign', 'verify']); const data = new Uint8Array([9]); const mac = await crypto.subtle.sign('HMAC', key, data); return [new Uint8Array(mac).toHex(), await crypto.subtle.verify('HMAC', key, mac, data), key.type, key.extractable, key.algorithm.name, (await crypto.subtle.exportKey('jwk', key)).k];`,
  'aes and pbkdf2': `const base = await crypto.subtle.importKey('raw', new TextEncoder().encode('pw'), 'PBKDF2', false, ['deriveKey']); const key = await crypto.subtle.deriveKey({ name: 'PBKDF2', salt: new Uint8Array(8), iterations: 10, hash: 'SHA-256' }, base, { name: 'AES-GCM', length: 256 }, true, ['encrypt', 'decrypt']); const iv = new Uint8Array(12); const box = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, new TextEncoder().encode('hi')); return [new Uint8Array(box).toHex(), new TextDecoder().decode(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, box))];`,
  'elliptic keys': `const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']); const data = new Uint8Array([1]); const hash = { name: 'ECDSA', hash: 'SHA-256' }; const signature = await crypto.subtle.sign(hash, pair.privateKey, data); const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey); return [await crypto.subtle.verify(hash, pair.publicKey, signature, data), jwk.kty, jwk.crv, pair.privateKey.type];`,
  'crypto failures': `const names = []; for (const run of [() => crypto.subtle.digest('MD5', new Uint8Array()), () => crypto.subtle.importKey('raw', new Uint8Array(3), 'AES-GCM', true, ['encrypt'])]) { try { await run(); names.push('none'); } catch (e) { names.push(e.name); } } return names;`,
  'modern algorithms': `const s = crypto.subtle; const data = new TextEncoder().encode('abc'); const hex = (b) => new Uint8Array(b).toHex(); const out = [];
    for (const name of ['SHA3-256', 'SHA3-512']) out.push(hex(await s.digest(name, data)));
    out.push(hex(await s.digest({ name: 'cSHAKE128', outputLength: 256, customization: data }, data)));
    for (const name of ['Ed25519', 'ML-DSA-44']) { const pair = await s.generateKey(name, true, ['sign', 'verify']); const made = await s.sign(name, pair.privateKey, data); const open = await s.getPublicKey(pair.privateKey, ['verify']); out.push([await s.verify(name, open, made, data), open.type, (await s.exportKey('jwk', open)).kty]); }
    const kem = await s.generateKey('ML-KEM-768', true, ['encapsulateBits', 'decapsulateBits', 'encapsulateKey', 'decapsulateKey']); const { sharedKey, ciphertext } = await s.encapsulateBits('ML-KEM-768', kem.publicKey); out.push([sharedKey instanceof ArrayBuffer, hex(sharedKey) === hex(await s.decapsulateBits('ML-KEM-768', kem.privateKey, ciphertext))]);
    const sealed = await s.encapsulateKey('ML-KEM-768', kem.publicKey, 'AES-GCM', true, ['encrypt']); out.push([sealed.sharedKey.algorithm, sealed.ciphertext.byteLength]);
    const box = await s.importKey('raw-secret', new Uint8Array(32), 'ChaCha20-Poly1305', false, ['encrypt']); out.push(hex(await s.encrypt({ name: 'ChaCha20-Poly1305', iv: new Uint8Array(12) }, box, data)));
    const word = await s.importKey('raw-secret', data, 'Argon2id', false, ['deriveBits']); out.push(hex(await s.deriveBits({ name: 'Argon2id', nonce: new Uint8Array(16), parallelism: 1, memory: 64, passes: 2 }, word, 128)));
    const mac = await s.importKey('raw-secret', new Uint8Array(32), 'KMAC256', false, ['sign']); out.push(hex(await s.sign({ name: 'KMAC256', outputLength: 128 }, mac, data)));
    const rsa = await s.generateKey({ name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) }, false, ['sign', 'verify']); out.push([rsa.publicKey.algorithm.publicExponent instanceof Uint8Array, await s.verify({ name: 'RSA-PSS', saltLength: 8 }, rsa.publicKey, await s.sign({ name: 'RSA-PSS', saltLength: 8 }, rsa.privateKey, data), data)]);
    return out;`,
  'what subtle supports': `const names = ['AES-CBC', 'AES-CTR', 'AES-GCM', 'AES-KW', 'AES-OCB', 'ChaCha20-Poly1305', 'HMAC', 'KMAC128', 'RSA-OAEP', 'RSA-PSS', 'RSASSA-PKCS1-v1_5', 'ECDSA', 'ECDH', 'Ed25519', 'Ed448', 'X25519', 'X448', 'ML-DSA-65', 'ML-KEM-512', 'HKDF', 'PBKDF2', 'Argon2d', 'SHA-1', 'SHA3-384', 'TurboSHAKE128', 'KT256', 'MD5']; return names.map((name) => [name, ...['generateKey', 'importKey', 'digest', 'sign', 'deriveBits', 'encapsulateBits'].filter((operation) => SubtleCrypto.supports(operation, name))]);`,
  'inherited algorithm members': `const key = await crypto.subtle.importKey('raw', new Uint8Array(16), Object.create({ name: 'AES-GCM' }), true, new Set(['encrypt'])); return [key.algorithm, key.usages, new Uint8Array(await crypto.subtle.encrypt(Object.create({ name: 'AES-GCM', iv: new Uint8Array(12) }), structuredClone(key), new Uint8Array(1))).toHex()];`,
  'data addresses': `const r = await fetch('data:text/x;charset=utf-8;base64,aGk='); const s = await fetch('data:,a%20b'); return [r.status, r.headers.get('content-type'), await r.text(), s.headers.get('content-type'), await s.text(), await fetch('data:broken').catch((e) => e.name)];`,
  iterators: `const p = new URLSearchParams('a=1&b=2'); const i = p.entries(); return [Object.prototype.toString.call(i), i.next(), [...i], Object.prototype.toString.call(new Headers().keys()), [...p.values()], typeof i.map];`,
  'message channel': `const { port1, port2 } = new MessageChannel(); const seen = []; const got = new Promise((resolve) => { port2.onmessage = (event) => { seen.push(event.data, event.type, event.constructor.name); if (seen.length >= 6) resolve(); }; }); const value = { a: [1], b: new Uint8Array(2) }; port1.postMessage(value); value.a.push(2); port1.postMessage('two'); seen.push('later'); await got; port1.close(); const names = []; for (const run of [() => structuredClone(port1), () => port2.postMessage(port2, [port2]), () => new MessagePort()]) { try { run(); names.push('none'); } catch (e) { names.push(e.name); } } return [seen, names];`,
  'transferred ports and streams': `const { port1, port2 } = new MessageChannel(); port1.postMessage('kept'); const moved = structuredClone(port2, { transfer: [port2] }); const first = await new Promise((resolve) => { moved.onmessage = (event) => resolve(event.data); }); moved.close(); const stream = new ReadableStream({ start(c) { c.enqueue([1]); c.close(); } }); const other = structuredClone(stream, { transfer: [stream] }); const chunks = []; for await (const chunk of other) chunks.push(chunk); return [first, moved instanceof MessagePort, chunks];`,
  'streams are taken over': `const s = new ReadableStream({ start(c) { c.enqueue(new Uint8Array([1])); c.close(); } }); const a = new Response(s); const b = a.clone(); const [x, y] = [await a.bytes(), await b.bytes()]; return [x, y, a.bodyUsed, (() => { try { a.body.getReader(); } catch (e) { return e.name; } })()];`,
  'url pattern': `const p = new URLPattern({ pathname: '/books/:id' }); return [p.test('https://a.b/books/7'), p.exec('https://a.b/books/7').pathname.groups.id, p.test('https://a.b/x')];`,
  'class names': `return [new URL('a:b'), new Headers(), new Response(), new FormData(), new Blob([]), new AbortController(), new Event('x'), crypto.subtle].map((x) => Object.prototype.toString.call(x));`,
};

/** Node would do all of this, for minutes or in gigabytes. */
const TOO_MUCH = `const s = crypto.subtle; const base = await s.importKey('raw', new Uint8Array(3), 'PBKDF2', false, ['deriveBits']); const word = await s.importKey('raw-secret', new Uint8Array(3), 'Argon2id', false, ['deriveBits']); const salt = new Uint8Array(16); const out = [];
  for (const run of [
    () => s.deriveBits({ name: 'PBKDF2', hash: 'SHA-1', salt, iterations: 10_000_001 }, base, 128),
    () => s.generateKey({ name: 'RSA-PSS', hash: 'SHA-1', modulusLength: 8200, publicExponent: new Uint8Array([1, 0, 1]) }, true, ['sign']),
    () => s.deriveBits({ name: 'Argon2id', nonce: salt, parallelism: 1, memory: 65_537, passes: 1 }, word, 128),
    () => s.deriveBits({ name: 'PBKDF2', hash: 'SHA-1', salt, iterations: 1 }, base, 2 ** 31),
  ]) await run().then(() => out.push('done'), (error) => out.push(error.name + ': ' + error.message));
  return out;`;

describe('the web platform in the sandbox', { timeout: 60_000 }, () => {
  let host: TestHost;
  before(async () => {
    const cases = Object.entries({ ...SNIPPETS, 'too much work': TOO_MUCH })
      .map(([name, body]) => `${JSON.stringify(name)}: async () => { ${body} }`)
      .join(',\n');
    host = await startTestHost({
      'others/web': {
        'extension.ts': other('return cases[input]();', `const cases: any = {\n${cases}\n};`),
      },
    });
    await host.enable('others/web');
  });
  after(() => host[Symbol.asyncDispose]());

  it('bounds the work of one operation of crypto.subtle', async () => {
    const { body } = await host.call('others/web', 'execute', 'too much work');
    assert.deepEqual(body.result, [
      'OperationError: iterations is over 10000000',
      'OperationError: modulusLength is over 8192',
      'OperationError: memory is over 65536',
      'OperationError: length is over 8388608',
    ]);
  });

  for (const [name, body] of Object.entries(SNIPPETS)) {
    it(`is Node’s own: ${name}`, async () => {
      // oxlint-disable-next-line typescript/no-implied-eval -- the same text has to run in both
      const inNode = new Function(`return (async () => { ${body} })();`) as () => Promise<unknown>;
      const expected: unknown = JSON.parse(JSON.stringify((await inNode()) ?? null));
      const { body: answer } = await host.call('others/web', 'execute', name);
      assert.deepEqual(answer.result ?? answer, expected);
    });
  }
});
