// The Virtualizor extension inside the real sandbox: what the isolate, the sealed keys and the storage
// of the host make of it. How it behaves is tested beside this.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { egressTo } from '../../helpers/egress.ts';
import { startTestHost } from '../../helpers/host.ts';
import { API_KEY, API_PASSWORD, startFakeVirtualizor } from '../../vendors/virtualizor/fake.ts';
import { HOST, serviceOf } from '../../vendors/virtualizor/setup.ts';

it('builds a server with keys that the guest never holds', { timeout: 60_000 }, async () => {
  await using fake = await startFakeVirtualizor();
  await using host = await startTestHost(
    {},
    {
      shipped: true,
      egress: egressTo(fake.port),
    },
  );
  const path = 'servers/virtualizor';
  await host.enable(path, { host: HOST, apiKey: API_KEY, apiPassword: API_PASSWORD });
  const tested = await host.request('POST', `/extensions/${path}/test`);
  assert.equal(tested.body.ok, true, JSON.stringify(tested.body));

  const service = serviceOf();
  const created = await host.call(path, 'create', service);
  assert.equal(created.status, 200, JSON.stringify(created.body));
  assert.equal(created.body.result.status, 'pending');
  fake.finishTasks();
  const told = { ...service, properties: created.body.result.properties };
  const ended = await host.call(path, 'reconcile', { operation: 'create', service: told });
  assert.equal(ended.body.result.status, 'done', JSON.stringify(ended.body));

  const [vps] = [...fake.vpses.values()];
  assert.equal(vps?.rootpass, created.body.result.oneTime.rootPassword);
  assert.match(vps?.notes ?? '', /^Service s-1 /);
  assert.ok(fake.requests.every(({ query }) => query.get('adminapipass') === API_PASSWORD));
  const record = await host.request('GET', `/calls/${created.body.callId}`);
  const said = JSON.stringify([created.body, record.body]);
  for (const secret of [API_KEY, API_PASSWORD, encodeURIComponent(API_PASSWORD)])
    assert.ok(!said.includes(secret));

  const removed = await host.call(path, 'terminate', told);
  assert.equal(removed.body.result.status, 'pending');
  fake.finishTasks();
  const gone = await host.call(path, 'reconcile', { operation: 'terminate', service: told });
  assert.deepEqual([gone.body.result.status, fake.vpses.size], ['done', 0]);
});
