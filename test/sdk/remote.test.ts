import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createRemote, isFailure } from 'cofferdam/sdk';

/** A vendor that always gives this answer. */
const remoteOf = (body: string, type: string) =>
  createRemote({
    name: 'Vendor',
    baseUrl: 'https://vendor.example.com',
    fetch: async () => new Response(body, { headers: { 'content-type': type } }),
  });

describe('createRemote', () => {
  it('takes text that is no JSON only where it is asked to', async () => {
    const remote = remoteOf('error=0&text=done', 'text/plain');
    const { text, json } = await remote.request('GET', '/list', { plain: true });
    assert.deepEqual([text, json], ['error=0&text=done', undefined]);
    await assert.rejects(remote.request('GET', '/list'), (error) =>
      isFailure(error, 'invalid_response'),
    );
  });

  it('takes no web page for plain text, whatever type it claims', async () => {
    for (const type of ['text/html', 'text/plain', 'application/json']) {
      const remote = remoteOf('\n<html><body>Log in</body></html>', type);
      await assert.rejects(
        remote.request('GET', '/list', { plain: true }),
        (error) => isFailure(error, 'invalid_response') && /HTML page/.test(error.message),
      );
    }
  });
});
