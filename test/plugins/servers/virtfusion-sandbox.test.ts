// The VirtFusion extension inside the real sandbox: what the isolate, the sealed token and the storage
// of the host make of it. How it behaves is tested beside this.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { egressTo } from '../../helpers/egress.ts';
import { startTestHost } from '../../helpers/host.ts';
import { API_TOKEN, startFakeVirtFusion } from '../../vendors/virtfusion/fake.ts';
import { HOST, serviceOf } from '../../vendors/virtfusion/setup.ts';

it('builds a server with a token that the guest never holds', { timeout: 60_000 }, async () => {
  await using fake = await startFakeVirtFusion();
  await using host = await startTestHost(
    {},
    {
      shipped: true,
      egress: egressTo(fake.port),
    },
  );
  const path = 'servers/virtfusion';
  await host.enable(path, { host: HOST, apiToken: API_TOKEN });
  const tested = await host.request('POST', `/extensions/${path}/test`);
  assert.equal(tested.body.ok, true, JSON.stringify(tested.body));

  const service = serviceOf();
  const created = await host.call(path, 'create', service);
  assert.equal(created.status, 200, JSON.stringify(created.body));
  const told = { ...service, properties: created.body.result.properties };
  const ask = async () => host.call(path, 'reconcile', { operation: 'create', service: told });
  assert.equal((await ask()).body.result.status, 'pending');
  fake.finishQueue();
  const ended = await ask();
  assert.equal(ended.body.result.status, 'done', JSON.stringify(ended.body));

  const [server] = [...fake.servers.values()];
  assert.equal(server?.password, ended.body.result.oneTime.rootPassword);
  const { body: login } = await host.call(path, 'getLoginUrl', told);
  assert.match(login.result.url, /^https:\/\/cp\.example\.com\/login\//);
  assert.ok(
    fake.requests.every(({ headers }) => headers['authorization'] === `Bearer ${API_TOKEN}`),
  );
  const record = await host.request('GET', `/calls/${ended.body.callId}`);
  assert.doesNotMatch(JSON.stringify(record.body), new RegExp(server?.password ?? ''));
  assert.ok(!JSON.stringify([created.body, ended.body, record.body]).includes(API_TOKEN));

  await host.call(path, 'terminate', told);
  fake.finishQueue();
  const gone = await host.call(path, 'reconcile', { operation: 'terminate', service: told });
  assert.deepEqual([gone.body.result.status, fake.servers.size], ['done', 0]);
});
