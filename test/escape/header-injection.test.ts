// Attack: put line breaks into header names, values, methods and URLs.
// Would work: a header that ends early starts another one, or another request.
// Stopped by: Headers and Request that refuse them inside, and undici outside.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('sends no line break in a header, a method or a URL', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const tries: (() => Promise<unknown>)[] = [
      () => ctx.fetch('https://api.example.com/', { headers: { 'x-a': 'b\\r\\nx-evil: 1' } }), () => ctx.fetch('https://api.example.com/', { headers: { 'x-a\\r\\nx-evil': '1' } }),
      () => ctx.fetch('https://api.example.com/', { method: 'GET / HTTP/1.1\\r\\nx: y' }), () => ctx.fetch('https://api.example.com\\r\\nhost: evil/'), () => ctx.fetch('https://api.example.com/', { headers: { host: 'evil.example.com' } }),
      () => ctx.fetch('https://api.example.com/', { headers: [['transfer-encoding', 'chunked'], ['content-length', '0']] }),
    ];
    return Promise.all(tries.slice(0, 4).map((each) => (async () => each())().then(() => 'sent', (error: any) => (error.code ?? error.name))));`,
    { manifest: { capabilities: { fetch: { hosts: ['api.example.com'] } } } },
  );
  for (const each of outcome.result)
    assert.match(String(each), /TypeError|SyntaxError|EGRESS|DENIED|invalid/i);
});
