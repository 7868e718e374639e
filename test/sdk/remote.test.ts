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

  it('believes a 404 only in a form that an API has, unless it is told to', async () => {
    const remoteSaying = (status: number, body: string) =>
      createRemote({
        name: 'Vendor',
        baseUrl: 'https://vendor.example.com',
        fetch: async () => new Response(body, { status }),
      });
    for (const status of [404, 410]) {
      for (const body of ['', ' ', 'not found', '<html>404</html>']) {
        const remote = remoteSaying(status, body);
        for (const accept of [[], [status]]) {
          await assert.rejects(remote.request('DELETE', '/1', { accept }), (error) =>
            isFailure(error, 'invalid_response'),
          );
        }
        const taken = { accept: [status], bareNotFound: true };
        assert.equal((await remote.request('DELETE', '/1', taken)).status, status);
      }
      const remote = remoteSaying(status, '{"message":"No such thing"}');
      await assert.rejects(remote.request('DELETE', '/1'), (error) =>
        isFailure(error, 'not_found'),
      );
    }
    const told = remoteSaying(404, '').request('GET', '/1', { bareNotFound: true });
    await assert.rejects(told, (error) => isFailure(error, 'not_found'));
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
