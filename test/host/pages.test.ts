// What the pages are sent with: a policy that lets no foreign or inline script in, and nothing secret.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

describe('pages', { timeout: 60_000 }, () => {
  let host: TestHost;
  before(async () => {
    host = await startTestHost();
  });
  after(() => host[Symbol.asyncDispose]());
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${host.url}${path}`, { headers });

  for (const path of ['/console', '/docs']) {
    it(`${path} holds no script, style or address but its own files`, async () => {
      const response = await get(path);
      const html = await response.text();
      assert.equal(response.status, 200);
      assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
      assert.doesNotMatch(html, /<script(?![^>]*src="\/)|<style|style=|\son\w+=|https?:/);
      const files = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, file = '']) => file);
      assert.equal(files.length, 2);
      for (const file of files) assert.equal((await get(file)).status, 200, file);
    });

    it(`${path} is sent with a policy that allows its own files only`, async () => {
      const policy = (await get(path)).headers.get('content-security-policy') ?? '';
      assert.match(policy, /default-src 'none'/);
      assert.match(policy, /script-src 'self'(;|$)/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.match(policy, /require-trusted-types-for 'script'/);
      assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    });
  }

  it('scripts name no other origin and evaluate no text', async () => {
    for (const path of ['/console/app.js', '/docs/app.js', '/console/style.css']) {
      const text = await (await get(path)).text();
      const addresses = [...text.matchAll(/https?:\/\/[^"'`\s)]+/g)].map(([address]) => address);
      // Names of markup, not places that anything is asked of.
      assert.deepEqual(
        addresses.filter((each) => !each.startsWith('http://www.w3.org/')),
        [],
        path,
      );
      assert.doesNotMatch(text, /\beval\(|new Function\(|\.innerHTML\s*=[^=]*\+/, path);
      assert.ok(text.length < 120_000, `${path} has ${text.length} characters`);
    }
  });

  it('an asset that the browser has is not sent again', async () => {
    const etag = (await get('/console/app.js')).headers.get('etag') ?? '';
    assert.equal((await get('/console/app.js', { 'if-none-match': etag })).status, 304);
    assert.equal((await get('/console/app.js', { 'if-none-match': '"other"' })).status, 200);
  });

  it('data keeps the policy of data', async () => {
    const policy = (await get('/healthz')).headers.get('content-security-policy');
    assert.equal(policy, "default-src 'none'; frame-ancestors 'none'");
  });

  it('tells whose a token is, to any role', async () => {
    const { body } = await host.request('POST', '/tokens', { name: 'p', role: 'panel' });
    const response = await get('/api/v1/admin/session', { authorization: `Bearer ${body.secret}` });
    assert.deepEqual(await response.json(), { id: body.id, role: 'panel', scope: null });
  });
});
