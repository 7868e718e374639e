// What a request is told as, what a lock lets through, what is only reported, and keys of operations.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';

import { expandHosts } from '../../../host/capabilities/egress.ts';
import type { EgressPolicy } from '../../../host/capabilities/egress.ts';
import { shapeOf, useOf } from '../../../host/capabilities/use.ts';
import type { HostError } from '../../../host/errors.ts';
import { createTestFetch, scopeOf } from '../../helpers/fetch.ts';

describe('the shape of a path', () => {
  const cases: [string, string][] = [
    ['/', '/'],
    ['/v1/oauth2/token', '/v1/oauth2/token'],
    [
      '/api2/json/nodes/pve1/qemu/101/status/current',
      '/api2/json/nodes/pve1/qemu/{id}/status/current',
    ],
    ['/v1/customers/cus_9aZk2QwErT', '/v1/customers/{id}'],
    ['/v1/payment_intents/pi_3MtwBwLkdIwHu7ix28a3tqPa', '/v1/payment_intents/{id}'],
    ['/v2/checkout/orders/5O190127TN364715T/capture', '/v2/checkout/orders/{id}/capture'],
    ['/x/4d7e91f2-0c1b-4f2e-9b39-1d2b3c4d5e6f', '/x/{id}'],
    ['/users/someone@example.com', '/users/{id}'],
    ['/json-api/createacct', '/json-api/createacct'],
    ['/a//b', '/a/b'],
    ['/api/[secret:webhook]/messages', '/api/{secret}/messages'],
    [`/${'a/'.repeat(30)}`, `/${'a/'.repeat(16)}{more}`],
  ];
  for (const [path, shape] of cases) {
    it(`of ${path.slice(0, 40)} is ${shape.slice(0, 40)}`, () => {
      assert.equal(shapeOf(path), shape);
    });
  }

  it('stands beside the method and the host, with a port and a scheme that are not the usual', () => {
    const use = (method: string, url: string): object =>
      useOf(method, new URL(url), (text) => text);
    assert.deepEqual(use('get', 'https://API.example.com./v1?q=1'), {
      method: 'GET',
      host: 'api.example.com',
      path: '/v1',
    });
    assert.deepEqual(use('POST', 'http://[fd00::1]:8006/'), {
      method: 'POST',
      host: 'http://[fd00::1]:8006',
      path: '/',
    });
  });
});

describe('a fetch that is only reported upon', { timeout: 30_000 }, () => {
  const keys: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    keys.push(request.headers['idempotency-key']?.toString());
    request.resume().on('end', () => response.end('ok'));
  });
  let port = 0;
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const policy = (more: Partial<EgressPolicy>): EgressPolicy => ({
    hosts: [],
    lan: [{ cidr: '127.0.0.0/8', reason: 'test', http: true }],
    own: [],
    ...more,
  });

  it('goes where a grant could let it go, and lists what that would be', async () => {
    const reported: unknown[] = [];
    const report = ({ details }: HostError): void => void reported.push(details?.['rule']);
    const lock = [{ method: 'GET', host: 'api.example.com', path: '/' }];
    await using fetch = createTestFetch([], { policy: policy({ report, lock }) });
    const reply = await fetch.send(`http://panel.example:${port}/`);
    assert.equal(reply.status, 200);
    assert.deepEqual(reported, ['host-not-granted', 'outside-lock']);
  });

  it('is still refused what nothing allows', async () => {
    const report = (): void => undefined;
    for (const [own, addresses, rule] of [
      [[{ address: '127.0.0.1', port }], ['127.0.0.1'], 'own-listener'],
      [[], ['169.254.169.254'], 'metadata-address'],
    ] as const) {
      await using fetch = createTestFetch([], {
        policy: policy({ report, own }),
        resolve: async () => addresses,
      });
      await assert.rejects(
        fetch.send(`http://panel.example:${port}/`),
        ({ details }: HostError) => details?.['rule'] === rule,
      );
    }
  });

  it('without a report is refused', async () => {
    await using fetch = createTestFetch([], { policy: policy({}) });
    await assert.rejects(fetch.send(`http://panel.example:${port}/`), { code: 'EGRESS_DENIED' });
  });

  it('carries the same key on every try of an operation, also when a try leaves a request out', async () => {
    const hosts = expandHosts(['{config.h}'], { h: 'panel.example' });
    await using fetch = createTestFetch(['panel.example'], {
      keys: [{ hosts, header: 'Idempotency-Key' }],
    });
    const post = async (path: string, operationId: string, usage: object): Promise<void> => {
      const scope = scopeOf({ operationId });
      const url = `http://panel.example:${port}${path}`;
      await fetch.send(
        url,
        { method: 'POST' },
        { ...scope, usage: Object.assign(usage, scope.usage) },
      );
    };
    keys.length = 0;
    const [first, second] = [{}, {}];
    await post('/orders', 'op', first);
    await post('/orders/7/pay', 'op', first);
    await post('/orders/7/pay', 'op', second);
    await post('/orders/7/pay', 'another', {});
    const [, paid, again, other] = keys;
    assert.equal(paid, again);
    assert.notEqual(paid, other);
    assert.equal(new Set(keys).size, 3);
  });
});
