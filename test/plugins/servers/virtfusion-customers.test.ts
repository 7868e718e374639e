// How VirtFusion's customers are found and made: by their relation to the panel's customers.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { Json } from 'cofferdam/sdk';

import { failureOf, settle } from '../../contract/subject.ts';
import type { TestContext } from '../../helpers/context.ts';
import { startFakeVirtFusion } from '../../vendors/virtfusion/fake.ts';
import type { FakeVirtFusion } from '../../vendors/virtfusion/fake.ts';
import { contextOf, extension, serviceOf, virtfusion } from '../../vendors/virtfusion/setup.ts';

describe('customers of virtfusion', { timeout: 60_000 }, () => {
  let fake: FakeVirtFusion;
  let storage: Map<string, Json>;
  beforeEach(async () => {
    fake = await startFakeVirtFusion();
    storage = new Map();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const context = (): TestContext<any> => contextOf(fake, { storage });
  const create = async (service = serviceOf()) => {
    const first = await extension.create(service, context());
    const subject = { context, finishWork: () => fake.finishQueue() };
    return settle(virtfusion, subject as Parameters<typeof settle>[1], {
      operation: 'create',
      service,
      first,
    });
  };
  const sent = (pattern: RegExp) =>
    fake.requests.filter(({ method, path }) => pattern.test(`${method} ${path}`));

  it('makes no customer when it cannot know whether there is one', async () => {
    for (const [status, code] of [
      [403, 'forbidden'],
      [500, 'unavailable'],
      [429, 'rate_limited'],
    ] as const) {
      fake.answerNext(/byExtRelation/, { status, json: { message: 'No' } });
      await failureOf(extension.create(serviceOf(), context()), code);
    }
    fake.answerNext(/byExtRelation/, { status: 404, html: '<html>404</html>' });
    await failureOf(extension.create(serviceOf(), context()), 'invalid_response');
    assert.deepEqual([sent(/POST/).length, fake.users.size], [0, 0]);
  });

  it('tells VirtFusion who the customer is, and to send no mail', async () => {
    await create();
    assert.deepEqual(
      sent(/POST .*users$/).map(({ json }) => json),
      [{ name: 'Ada Lovelace', email: 'ada@example.com', extRelationId: 7, sendMail: false }],
    );
  });

  it('says what to set when a user with that address has no relation', async () => {
    fake.addUser({ email: 'ada@example.com' });
    const { message, remedy, retriable } = await failureOf(
      extension.create(serviceOf(), context()),
      'conflict',
    );
    assert.match(message, /address of customer 7 has no relation/);
    assert.match(remedy ?? '', /Set the External Relation ID of that user in VirtFusion to "7"/);
    assert.equal(retriable, false);
    assert.equal(fake.servers.size, 0);
  });

  it('uses the customer that another call made meanwhile', async () => {
    const other = { email: 'ada@example.com', extRelationId: 7 };
    fake.beforeNext(/POST .*users/, () => void fake.addUser(other));
    await create();
    assert.deepEqual([fake.users.size, fake.servers.size], [1, 1]);
  });

  it('links customers whose ids are no numbers by text', async () => {
    const uuid = '0197c2a4-5f3e-7f1c-9e15-2f1f3f0d6c11';
    const service = { ...serviceOf(), user: { id: uuid, email: 'ada@example.com' } };
    const created = await create(service);
    const [user] = [...fake.users.values()];
    assert.deepEqual([user?.relStr, user?.extRelationId, user?.name], [uuid, null, user?.email]);
    await extension.getLoginUrl(created.service, context());
    const paths = fake.requests.filter(({ path }) => path.includes(uuid));
    assert.ok(paths.length > 1 && paths.every(({ query }) => query.get('relStr') === 'true'));
  });

  it('gives no server to an admin of VirtFusion', async () => {
    fake.addUser({ email: 'ada@example.com', extRelationId: 7, admin: true });
    await failureOf(extension.create(serviceOf(), context()), 'conflict');
    assert.equal(fake.servers.size, 0);
  });
});
