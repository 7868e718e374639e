// What Virtualizor's answers of status 200 mean: refused keys, errors, changes that were not done.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { Json } from 'cofferdam/sdk';

import { failureOf, settle } from '../../contract/subject.ts';
import type { TestContext } from '../../helpers/context.ts';
import { startFakeVirtualizor } from '../../vendors/virtualizor/fake.ts';
import type { FakeVirtualizor } from '../../vendors/virtualizor/fake.ts';
import {
  contextOf,
  extension,
  serviceOf,
  SETTINGS,
  virtualizor,
} from '../../vendors/virtualizor/setup.ts';

describe('replies of virtualizor', { timeout: 60_000 }, () => {
  let fake: FakeVirtualizor;
  let storage: Map<string, Json>;
  beforeEach(async () => {
    fake = await startFakeVirtualizor();
    storage = new Map();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const context = (): TestContext<any> => contextOf(fake, { storage });
  const create = async (service = serviceOf()) => {
    const first = await extension.create(service, context());
    const subject = { context, finishWork: () => fake.finishTasks() };
    return settle(virtualizor, subject as Parameters<typeof settle>[1], {
      operation: 'create',
      service,
      first,
    });
  };
  const only = () => {
    const [vps, ...others] = [...fake.vpses.values()];
    assert.ok(vps);
    assert.deepEqual(others, []);
    return vps;
  };
  it('takes every way in which Virtualizor refuses a key for wrong credentials', async () => {
    for (const login of ['redirect', 'page', 'empty', 'null'] as const) {
      fake.login = login;
      const wrong = contextOf(fake, { isWrong: true });
      const { remedy } = await failureOf(extension.testConnection(wrong), 'unauthorized');
      assert.match(remedy ?? '', /credentials/, login);
    }
    const json = { title: 'Login', error: [{ code: 1, msg: 'Invalid API Key' }] };
    fake.answerNext(/act=plans/, { status: 200, json });
    await failureOf(extension.testConnection(context()), 'unauthorized');
  });

  it('takes a redirect to another place for a wrong address, not for a wrong key', async () => {
    const headers = { location: 'https://www.example.net/' };
    fake.answerNext(/act=plans/, { status: 302, headers });
    const { message } = await failureOf(extension.testConnection(context()), 'invalid_response');
    assert.match(message, /redirect to www\.example\.net/);
  });

  it('names the act in messages, never the address with the key in it', async () => {
    fake.answerNext(/act=plans/, { status: 500, json: { title: 'Error' } });
    const { message } = await failureOf(extension.testConnection(context()), 'unavailable');
    assert.match(message, /^Virtualizor: GET act=plans answered 500/);
    assert.doesNotMatch(message, /adminapi|sealed/);
  });

  it('reads an error of status 200 in each of its shapes', async () => {
    const shapes: readonly (readonly [unknown, RegExp])[] = [
      [['No node has room'], /No node has room/],
      ['No node has room', /No node has room/],
      [{ space: 'is too much' }, /space: is too much/],
      [{ 0: 'No node has room' }, /refused: No node has room/],
      [[{ code: 5, msg: 'No node has room' }], /refused: No node has room$/],
      [{ ips: ['none', 'left'] }, /ips: none; ips: left/],
      ['<b>No</b><br>node', /refused: No node$/],
    ];
    for (const [error, expected] of shapes) {
      fake.answerNext(/act=addvs/, { status: 200, json: { title: 'Add', error, done: false } });
      const { message } = await failureOf(extension.create(serviceOf(), context()), 'rejected');
      assert.match(message, expected);
    }
    const empty = { title: 'Plans', error: [], plans: [] };
    fake.answerNext(/act=plans/, { status: 200, json: empty });
    assert.equal((await extension.testConnection(context())).ok, false);
  });

  it('tells refusals apart by their words', async () => {
    for (const [words, code] of [
      ['There are not enough IPs in the pool', 'capacity'],
      ['The VPS is locked', 'locked'],
      ['You do not have the permission', 'forbidden'],
    ] as const) {
      fake.answerNext(/act=addvs/, { status: 200, json: { title: 'Add', error: [words] } });
      const { remedy, retriable } = await failureOf(extension.create(serviceOf(), context()), code);
      assert.ok((remedy ?? '').length > 20);
      assert.equal(retriable, code === 'locked');
    }
  });

  it('believes no change that is not said to be done', async () => {
    const { service } = await create();
    const change = {
      ...service,
      product: { ...service.product, settings: { ...SETTINGS, plan: '4' } },
      previousProduct: service.product,
    };
    const run = (name: string, values = {}) => {
      const action = extension.actions[name];
      assert.ok(action, name);
      return action.run({ subject: service, values }, context());
    };
    const changes: readonly (readonly [RegExp, () => Promise<unknown>])[] = [
      [/&suspend=/, () => extension.suspend(service, context())],
      [/&delete=/, () => extension.terminate(service, context())],
      [/act=managevps/, () => extension.changePackage(change, context())],
      [/act=managevps/, () => extension.changePassword({ service }, context())],
      [/action=restart/, () => run('restart')],
      [/act=rebuild/, () => run('rebuild', { os: '1001' })],
      [/bwreset=/, () => run('resetTraffic')],
      [/act=addvs/, () => extension.create(serviceOf('s-2'), context())],
    ];
    for (const [pattern, act] of changes) {
      fake.answerNext(pattern, { status: 200, json: { title: 'x', error: ['It did not work'] } });
      assert.match((await failureOf(act(), 'rejected')).message, /It did not work/);
      for (const done of [undefined, false, 0, '0', [], null]) {
        fake.answerNext(pattern, { status: 200, json: { title: 'x', done } });
        const { retriable } = await failureOf(act(), 'invalid_response');
        assert.equal(retriable, true);
      }
    }
    assert.equal(only().suspended, '0');
  });

  it('changes nothing by GET', async () => {
    const { service } = await create();
    await extension.suspend(service, context());
    await extension.unsuspend(service, context());
    await extension.terminate(service, context());
    const changes = fake.requests.filter(({ query }) =>
      ['suspend', 'unsuspend', 'delete'].some((name) => query.has(name)),
    );
    assert.deepEqual(
      changes.map(({ method }) => method),
      ['POST', 'POST', 'POST'],
    );
  });

  it('takes JSON without a list for no answer, never for an empty list', async () => {
    for (const json of [{}, { vs: 'none' }, []]) {
      fake.answerNext(/act=vs&/, { status: 200, json });
      await failureOf(extension.create(serviceOf(), context()), 'invalid_response');
    }
    assert.deepEqual([fake.vpses.size, fake.users.size], [0, 0]);
  });
});
