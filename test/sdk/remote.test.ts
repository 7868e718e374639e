import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  createRemote,
  isFailure,
  isObject,
  networkFailure,
  parseJson,
  readPath,
  textOf,
} from 'cofferdam/sdk';

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

describe('a request that gets no reply', () => {
  const refusalOf = (code: string, remedy?: string) =>
    Object.assign(new Error('No'), { code, details: remedy === undefined ? {} : { remedy } });

  it('is told by what broke, with what the host says is to be done', () => {
    const shown = refusalOf('REMOTE_CERTIFICATE', 'Pin AA:BB');
    const port = refusalOf('REMOTE_PROTOCOL', 'Check the port');
    for (const [error, code, remedy] of [
      [shown, 'certificate', 'Pin AA:BB'],
      [port, 'unavailable', 'Check the port'],
      [refusalOf('REMOTE_UNREACHABLE'), 'unavailable', /reachable/],
      [new TypeError('fetch failed'), 'unavailable', /reachable/],
      ['a text', 'unavailable', /reachable/],
    ] as const) {
      const failure = networkFailure(error, 'V: GET /');
      assert.ok(isFailure(failure, code), String(error));
      assert.match(failure.failure.remedy ?? '', new RegExp(remedy));
      assert.match(failure.message, /^V: GET \/ failed: /);
    }
    for (const error of [
      refusalOf('REMOTE_TIMED_OUT'),
      refusalOf('CALLER_CANCELLED'),
      new DOMException('Over', 'AbortError'),
      new DOMException('Over', 'TimeoutError'),
    ]) {
      assert.ok(isFailure(networkFailure(error, 'V'), 'timeout'));
    }
  });

  it('leaves what the egress policy says, and failures, as they are', () => {
    const refusal = refusalOf('EGRESS_DENIED');
    assert.equal(networkFailure(refusal, 'V'), refusal);
    const failure = networkFailure(new TypeError('x'), 'V');
    assert.equal(networkFailure(failure, 'W'), failure);
  });
});

it('reads JSON where there is some, and tells objects from the rest', () => {
  for (const text of ['', ' ', '<html>', '{', 'undefined']) {
    assert.equal(parseJson(text), undefined, text);
  }
  assert.deepEqual([parseJson('null'), parseJson(' {"a":1} ')], [null, { a: 1 }]);
  assert.deepEqual([{}, [], null, 1, undefined].map(isObject), [true, false, false, false, false]);
});

it('reads values at a path, and ids and texts in them', () => {
  const data = { a: { list: [{ b: ' x ' }], n: 7 }, none: null };
  assert.equal(readPath(data, 'a.list.0.b'), ' x ');
  for (const path of ['a.b.c', 'none.x', 'toString', 'a.list.1', '__proto__', '']) {
    assert.equal(readPath(data, path), undefined, path);
  }
  assert.deepEqual([' x ', 7, '', '  ', 1.5, true, null, undefined].map(textOf), [
    ...['x', '7'],
    ...Array.from({ length: 6 }, () => undefined),
  ]);
});
