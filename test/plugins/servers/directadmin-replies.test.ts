// How replies of DirectAdmin are read: two ways of saying the same, refusals with status 200, and pages
// where the API should be. And what its fake checks.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import definition from '../../../plugins/servers/directadmin/extension.ts';
import { accountName } from 'cofferdam/sdk';
import { failureOf } from '../../contract/subject.ts';
import { handlersOf } from '../../helpers/context.ts';
import { LOGIN_PAGE, startFakeDirectAdmin } from '../../vendors/directadmin/fake.ts';
import type { FakeDirectAdmin } from '../../vendors/directadmin/fake.ts';
import { contextOf, serviceOf } from '../../vendors/directadmin/setup.ts';
import {
  COMMANDS,
  findApiProblem,
  findCommandProblem,
  HAS_SPEC,
  OPERATIONS,
  usernameProblem,
} from '../../vendors/directadmin/spec.ts';

const directadmin = handlersOf(definition);

describe('replies of DirectAdmin', { timeout: 60_000 }, () => {
  let fake: FakeDirectAdmin;
  beforeEach(async () => {
    fake = await startFakeDirectAdmin();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const context = () => contextOf(fake);
  const create = (id = '1') => directadmin.create(serviceOf(id), context());
  const CREATE = /POST \/CMD_API_ACCOUNT_USER/;

  it('works the same with a server that answers form-encoded', async () => {
    fake.style = 'form';
    const result = await create();
    assert.equal(result.status, 'done');
    const service = { ...serviceOf(), properties: { ...result.properties } };
    await directadmin.suspend(service, context());
    assert.equal([...fake.users.values()][0]?.suspended, true);
    fake.userPackages.push('with space & sign');
    const [packages] = await directadmin.productConfig({}, context());
    assert.deepEqual(
      packages?.options?.map(({ value }) => value),
      ['large', 'small', 'with space & sign'],
    );
    fake.addresses.splice(0);
    const taken = serviceOf('2', { checkout: { domain: 's2.example.com' } });
    const { message } = await failureOf(directadmin.create(taken, context()), 'forbidden');
    assert.match(message, /Unable to create user: You do not own that ip/);
  });

  it('reads an empty list as one, in each form', async () => {
    fake.userPackages.splice(0);
    for (const style of ['json', 'form'] as const) {
      fake.style = style;
      const [packages] = await directadmin.productConfig({}, context());
      assert.deepEqual(packages?.options, [], style);
    }
    fake.answerNext(/CMD_API_PACKAGES_USER/, { status: 200, json: { list: ['one'] } });
    const [wrapped] = await directadmin.productConfig({}, context());
    assert.deepEqual(
      wrapped?.options?.map(({ value }) => value),
      ['one'],
    );
    fake.answerNext(/CMD_API_PACKAGES_USER/, { status: 200, json: { list: 7 } });
    await failureOf(directadmin.productConfig({}, context()), 'invalid_response');
  });

  it('takes error=1 for a refusal though the status is 200, in each form', async () => {
    const replies = [
      { status: 200, json: { error: 'Unable to create user', result: 'Something is wrong' } },
      { status: 200, json: { error: '1', text: 'Something is wrong', details: '' } },
      { status: 200, json: { error: 1, text: 'Something is wrong' } },
      { status: 200, json: { error: true, text: 'Something is wrong' } },
      {
        status: 200,
        html: 'error=1&text=Something%20is%20wrong&details=',
        headers: { 'content-type': 'text/html' },
      },
    ];
    for (const reply of replies) {
      fake.answerNext(CREATE, reply);
      const { message, retriable } = await failureOf(create(), 'rejected');
      assert.match(
        message,
        /^DirectAdmin: CMD_API_ACCOUNT_USER was refused: .*Something is wrong$/,
      );
      assert.equal(retriable, false);
    }
    assert.equal(fake.users.size, 0);
  });

  it('takes nothing for success that does not say so', async () => {
    for (const reply of [
      { status: 200 },
      { status: 200, json: {} },
      { status: 200, json: [] },
      { status: 200, json: { result: 'maybe' } },
      { status: 200, html: 'Access Denied', headers: { 'content-type': 'text/plain' } },
    ]) {
      fake.answerNext(CREATE, reply);
      await failureOf(create(), 'invalid_response');
    }
    fake.answerNext(CREATE, { status: 200, json: { error: '0', text: 'User created' } });
    assert.equal((await create()).status, 'done');
  });

  it('knows the login page, and says that credentials or the key are why', async () => {
    for (const path of [/CMD_API_ACCOUNT_USER/, /users\/[^/]+\/config/, /api\/search/]) {
      fake.answerNext(path, { status: 200, html: LOGIN_PAGE });
      const { message, remedy } = await failureOf(create(), 'invalid_response');
      assert.match(message, /HTML page/);
      assert.match(remedy ?? '', /login key/);
    }
    assert.equal(fake.users.size, 0);
  });

  it('says so when the login key may not use a command', async () => {
    fake.forbidden.add('CMD_API_ACCOUNT_USER');
    const { message, remedy } = await failureOf(create(), 'invalid_response');
    assert.match(message, /CMD_API_ACCOUNT_USER answered 302/);
    assert.match(remedy ?? '', /the key may use this command/);
    fake.forbidden.add('CMD_API_PACKAGES_USER');
    await failureOf(directadmin.testConnection(context()), 'invalid_response');
  });

  it('believes only DirectAdmin itself that a user is gone', async () => {
    const { properties } = await create();
    const service = { ...serviceOf(), properties: { ...properties } };
    const others = [
      { status: 404, json: { message: 'no Route matched with those values' } },
      { status: 404, html: '<html>404 Not Found</html>' },
      { status: 404 },
    ];
    for (const reply of others) {
      fake.answerNext(/users\/[^/]+\/config/, reply);
      await failureOf(directadmin.terminate(service, context()), 'invalid_response');
      fake.answerNext(/CMD_API_SELECT_USERS/, reply);
      const codes = ['invalid_response', 'not_found'] as const;
      await failureOf(directadmin.terminate(service, context()), codes);
      assert.equal(fake.users.size, 1);
    }
  });

  it('tells from the type of a refusal who must act', async () => {
    const cases = [
      [401, 'UNAUTHORIZED', 'unauthorized'],
      [403, 'ACCESS_DENIED', 'forbidden'],
      [403, 'ACCOUNT_ROLE_MISMATCH', 'forbidden'],
      [400, 'LICENSE_OVERUSED', 'capacity'],
      [400, 'SOMETHING_NEW', 'rejected'],
      [429, 'TOO_MANY', 'rate_limited'],
      [500, 'INTERNAL_ERROR', 'unavailable'],
    ] as const;
    for (const [status, type, code] of cases) {
      fake.answerNext(/users\/[^/]+\/config/, { status, json: { type } });
      const { message } = await failureOf(create(), code);
      assert.ok(message.includes(type), message);
    }
  });

  it('tells from the words of a legacy command who must act', async () => {
    const cases = [
      ['That username already exists on the system', 'conflict'],
      ['You have reached your limit of users', 'capacity'],
      ['Your license does not allow more users', 'capacity'],
      ['That package does not exist', 'invalid_input'],
      ['The password is too short', 'invalid_input'],
      ['You do not own that ip', 'forbidden'],
      ['Access Denied', 'forbidden'],
      ['The user is locked', 'locked'],
    ] as const;
    for (const [words, code] of cases) {
      fake.answerNext(CREATE, { status: 200, json: { error: 'Unable', result: words } });
      const { message, retriable } = await failureOf(create(), code);
      assert.ok(message.endsWith(`Unable: ${words}`), message);
      assert.equal(retriable, code === 'locked');
    }
  });

  it('shows no markup and no endless text', async () => {
    const result = `<script>alert(1)</script><b>Bad</b> ${'long '.repeat(200)}`;
    fake.answerNext(CREATE, { status: 200, json: { error: 'Error', result } });
    const { message } = await failureOf(create(), 'rejected');
    assert.match(message, /refused: Error: Bad long/);
    assert.ok(message.length < 400 && !/[<>]|alert/.test(message));
  });
});

describe('checks of the DirectAdmin fake', () => {
  const request = (method: string, path: string, more: { query?: string; json?: unknown } = {}) =>
    findApiProblem({ method, path, query: new URLSearchParams(more.query), json: more.json });

  it('reads the vendor’s own description where it is present', (t) => {
    if (!HAS_SPEC) return t.skip('../shared/specs/directadmin-api_spec.json is absent');
    assert.ok(OPERATIONS.length >= 300);
  });

  it('refuses requests of the JSON API that DirectAdmin would not take', () => {
    const path = '/api/login-keys/urls';
    assert.equal(request('POST', path, { json: { allowNetworks: [] } }), undefined);
    assert.match(request('POST', path) ?? '', /missing/);
    assert.match(request('POST', path, { json: { allowNetworks: [], user: 'x' } }) ?? '', /"user"/);
    assert.match(request('POST', path, { json: { expires: '' } }) ?? '', /"allowNetworks"/);
    assert.match(request('PUT', path, { json: {} }) ?? '', /no operation/);
    assert.match(request('GET', '/api/users/a/b/config') ?? '', /no operation/);
    assert.match(request('GET', '/api/session', { query: 'x=1' }) ?? '', /"x"/);
    const search = '/api/search/users-extended';
    assert.match(request('GET', search, { query: 'limit=ten' }) ?? '', /no number/);
    assert.match(request('GET', '/api/session', { json: {} }) ?? '', /no body/);
  });

  it('refuses legacy commands that lack a field, have a strange one, or go by GET', () => {
    const problem = (name: string, method: string, form: string) =>
      findCommandProblem(name, method, new URLSearchParams(form));
    assert.match(problem('CMD_API_ACCOUNT_USER', 'POST', 'action=create') ?? '', /"add"/);
    assert.match(problem('CMD_API_SELECT_USERS', 'GET', 'select0=a') ?? '', /by POST/);
    assert.match(problem('CMD_API_SELECT_USERS', 'POST', 'select0=a&toggle=1') ?? '', /"toggle"/);
    assert.match(problem('CMD_API_ACCOUNT_RESELLER', 'POST', '') ?? '', /no command/);
    assert.ok(COMMANDS['CMD_API_USER_PASSWD']);
  });

  it('takes the names that the extension makes, each its own', async () => {
    const names = await Promise.all(
      Array.from({ length: 2_000 }, (_, index) => accountName(`service-${index}`)),
    );
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.equal(usernameProblem(name), undefined, name);
    for (const name of ['7abc', 'ab', 'toolongname', 'Upper', 'admin'])
      assert.notEqual(usernameProblem(name), undefined, name);
  });
});
