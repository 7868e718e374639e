// How refusals of WHM become failures that say who must act.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import definition from '../../../plugins/servers/cpanel/extension.ts';
import { failureOf } from '../../contract/subject.ts';
import { handlersOf } from '../../helpers/context.ts';
import { startFakeCpanel } from '../../vendors/cpanel/fake.ts';
import type { FakeCpanel } from '../../vendors/cpanel/fake.ts';
import { contextOf, CPANEL, serviceOf } from '../../vendors/cpanel/setup.ts';

const cpanel = handlersOf(definition);
const refusal = (reason: string) => ({
  status: 200,
  json: { metadata: { version: 1, command: 'x', reason, result: 0 } },
});

describe('refusals of WHM', { timeout: 60_000 }, () => {
  let fake: FakeCpanel;
  beforeEach(async () => {
    fake = await startFakeCpanel();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const context = () => contextOf(fake);
  const created = async (id: string) => {
    const service = serviceOf(id);
    const { properties } = await cpanel.create(service, context());
    return { service: { ...service, properties: { ...properties } } };
  };

  it('takes metadata.result 0 for a refusal, though the status is 200', async () => {
    fake.answerNext(/createacct/, refusal('Something is wrong'));
    const { message, retriable } = await failureOf(
      cpanel.create(serviceOf(), context()),
      'rejected',
    );
    assert.deepEqual(
      [message, retriable],
      ['WHM: createacct was refused: Something is wrong', false],
    );
    for (const [operation, path] of [
      ['suspend', /suspendacct/],
      ['terminate', /removeacct/],
    ] as const) {
      const { service } = await created(operation);
      fake.answerNext(path, refusal('Something is wrong'));
      await failureOf(cpanel[operation](service, context()), 'rejected');
    }
  });

  it('tells from the words of WHM who must act', async () => {
    const cases = [
      ['Sorry, you have reached the maximum number of accounts that you may create.', 'capacity'],
      ['Your license only permits 100 accounts', 'capacity'],
      ['You do not have the required privileges to run “createacct”.', 'forbidden'],
      ['The account is locked by another process', 'locked'],
      ['Specified package does not exist.', 'invalid_input'],
      ['The domain “s1.example.com” already exists in the userdata.', 'conflict'],
      ['Sorry, the password you selected cannot be used because it is too weak', 'invalid_input'],
    ] as const;
    for (const [reason, code] of cases) {
      fake.answerNext(/createacct/, refusal(reason));
      const { message, retriable } = await failureOf(cpanel.create(serviceOf(), context()), code);
      assert.ok(message.includes(reason));
      assert.equal(retriable, code === 'locked');
    }
    assert.equal(fake.accounts.size, 0);
  });

  it('shows the words of WHM without markup, and never its output', async () => {
    const reason = `<script>alert('x')</script>Not <b>here</b>\n${'long '.repeat(200)}`;
    fake.answerNext(/createacct/, refusal(reason));
    const { message } = await failureOf(cpanel.create(serviceOf(), context()), 'rejected');
    assert.match(message, /^WHM: createacct was refused: Not here long/);
    assert.ok(message.length < 400 && !/[<>\n]/.test(message));
    const raw = { output: { raw: 'PassWord: hunter2hunter2' }, error: 'odd' };
    fake.answerNext(/createacct/, { status: 500, json: raw });
    const odd = await failureOf(cpanel.create(serviceOf(), context()), 'unavailable');
    assert.doesNotMatch(odd.message, /hunter2/);
  });

  it('understands the envelope of a refused login whatever its status', async () => {
    for (const status of [200, 401, 403]) {
      fake.answerNext(/version/, { status, json: CPANEL.unauthorized.json });
      const { remedy } = await failureOf(cpanel.testConnection(context()), 'unauthorized');
      assert.match(remedy ?? '', /API token/);
    }
    fake.answerNext(/version/, {
      status: 200,
      json: { data: { reason: 'Access denied', result: '0' }, type: 'text' },
    });
    await failureOf(cpanel.testConnection(context()), 'unauthorized');
    fake.answerNext(/version/, { status: 403, html: '<html>Forbidden</html>' });
    await failureOf(cpanel.testConnection(context()), 'forbidden');
  });

  it('refuses a reply of API 0 instead of reading success out of it', async () => {
    fake.answerNext(/createacct/, { status: 200, json: { result: [{ status: 1 }] } });
    const { message } = await failureOf(cpanel.create(serviceOf(), context()), 'invalid_response');
    assert.match(message, /metadata\.result/);
    fake.answerNext(/listaccts/, { status: 200, json: { status: 1, acct: [] } });
    await failureOf(cpanel.create(serviceOf(), context()), 'invalid_response');
  });

  it('takes no 404 of a proxy for an account that is gone', async () => {
    const { service } = await created('1');
    for (const [reply, code] of [
      [{ status: 404 }, 'invalid_response'],
      [{ status: 404, json: { message: 'no route' } }, 'not_found'],
    ] as const) {
      fake.answerNext(/removeacct/, reply);
      await failureOf(cpanel.terminate(service, context()), code);
    }
    assert.equal(fake.accounts.size, 1);
    fake.beforeNext(/removeacct/, () => fake.accounts.clear());
    assert.equal((await cpanel.terminate(service, context())).status, 'done');
  });
});
