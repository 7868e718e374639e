// The Enhance extension inside the real sandbox: what the isolate, the sealed token and the storage of
// the host make of it. How it behaves is tested beside this.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { egressTo } from '../../helpers/egress.ts';
import { startTestHost } from '../../helpers/host.ts';
import { ACCESS_TOKEN, startFakeEnhance } from '../../vendors/enhance/fake.ts';
import { HOST, serviceOf } from '../../vendors/enhance/setup.ts';
import { SELLER } from '../../vendors/enhance/state.ts';

it('sells a website with a token that the guest never holds', { timeout: 60_000 }, async () => {
  await using fake = await startFakeEnhance();
  await using host = await startTestHost(
    {},
    {
      shipped: true,
      egress: egressTo(fake.port),
    },
  );
  const path = 'servers/enhance';
  await host.enable(path, { host: HOST, orgId: SELLER, accessToken: ACCESS_TOKEN });
  const tested = await host.request('POST', `/extensions/${path}/test`);
  assert.equal(tested.body.ok, true, JSON.stringify(tested.body));

  const refused = { status: 400, json: { code: 'invalid_input', detail: 'No' } };
  fake.answerNext(/POST .*\/websites$/, refused);
  const service = serviceOf();
  const first = await host.call(path, 'create', service);
  assert.equal(first.body.details?.failure?.code, 'rejected', JSON.stringify(first.body));
  // Made and undone: what the host's storage remembers is the login, and it is used again.
  const created = await host.call(path, 'create', service);
  assert.equal(created.body.result?.status, 'done', JSON.stringify(created.body));
  const [login, ...others] = [...fake.logins.values()];
  assert.deepEqual([others, login?.password], [[], created.body.result.oneTime.password]);

  const sent = fake.requests.map(({ headers }) => headers['authorization']);
  assert.ok(sent.every((each) => each === `Bearer ${ACCESS_TOKEN}`));
  const record = await host.request('GET', `/calls/${created.body.callId}`);
  assert.ok(!JSON.stringify([created.body, record.body]).includes(ACCESS_TOKEN));

  const told = { ...service, properties: created.body.result.properties };
  const gone = await host.call(path, 'terminate', told);
  assert.equal(gone.body.result?.status, 'done', JSON.stringify(gone.body));
  const left = [...fake.subscriptions.values()].filter(({ status }) => status === 'active');
  assert.deepEqual(left, []);
});
