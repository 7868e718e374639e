// The Plesk extension inside the real sandbox: what the isolate, the sealed key and the storage of the
// host make of it. How it behaves is tested beside this.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { egressTo } from '../../helpers/egress.ts';
import { startTestHost } from '../../helpers/host.ts';
import { API_KEY, LOGIN, PASSWORD, startFakePlesk } from '../../vendors/plesk/fake.ts';
import { HOST, serviceOf } from '../../vendors/plesk/setup.ts';

it('sells a site with credentials that the guest never holds', { timeout: 60_000 }, async () => {
  await using fake = await startFakePlesk();
  await using host = await startTestHost(
    {},
    {
      shipped: true,
      egress: egressTo(fake.port),
    },
  );
  const path = 'servers/plesk';
  await host.enable(path, { host: HOST, apiKey: API_KEY });
  const tested = await host.request('POST', `/extensions/${path}/test`);
  assert.equal(tested.body.ok, true, JSON.stringify(tested.body));

  const service = serviceOf();
  const created = await host.call(path, 'create', service);
  assert.equal(created.body.result?.status, 'done', JSON.stringify(created.body));
  const [site] = [...fake.domains.values()];
  assert.equal(site?.ftpPassword, created.body.result.oneTime.ftpPassword);
  assert.ok(fake.requests.every(({ headers }) => headers['x-api-key'] === API_KEY));
  const record = await host.request('GET', `/calls/${created.body.callId}`);
  assert.ok(!JSON.stringify([created.body, record.body]).includes(API_KEY));

  const told = { ...service, properties: created.body.result.properties };
  const gone = await host.call(path, 'terminate', told);
  assert.equal(gone.body.result?.status, 'done', JSON.stringify(gone.body));
  assert.deepEqual([fake.domains.size, fake.clients.size], [0, 1]);

  await host.request('PUT', `/extensions/${path}/config`, {
    host: HOST,
    apiKey: null,
    login: LOGIN,
    password: PASSWORD,
  });
  const before = fake.requests.length;
  const basic = await host.request('POST', `/extensions/${path}/test`);
  assert.equal(basic.body.ok, true, JSON.stringify(basic.body));
  assert.equal(
    fake.requests[before]?.headers['authorization'],
    `Basic ${btoa(`${LOGIN}:${PASSWORD}`)}`,
  );
});
