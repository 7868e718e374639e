// The cPanel extension and its fake against replies that a real WHM gave.
// The recordings are of API 0; their words and lines are those of API 1 (see recordings.ts).

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import definition from '../../../plugins/servers/cpanel/extension.ts';
import { failureOf } from '../../contract/subject.ts';
import { handlersOf } from '../../helpers/context.ts';
import { API_TOKEN, startFakeCpanel, USERNAME } from '../../vendors/cpanel/fake.ts';
import type { FakeCpanel } from '../../vendors/cpanel/fake.ts';
import { HAS_RECORDINGS, readRecordings } from '../../vendors/cpanel/recordings.ts';
import type { Recording } from '../../vendors/cpanel/recordings.ts';
import { FUNCTIONS } from '../../vendors/cpanel/rules.ts';
import { contextOf, serviceOf } from '../../vendors/cpanel/setup.ts';

const cpanel = handlersOf(definition);
const recordings = readRecordings();
const skip = HAS_RECORDINGS ? false : '../shared/specs/cpanel-vcr is absent';

/** Parameters that API 1 names otherwise. */
const RENAMED: Readonly<Record<string, string>> = {
  'passwd pass': 'password',
  'removeacct user': 'username',
};

const inApi1 = ({ name, worked, reason, accounts }: Recording) => ({
  status: 200,
  json: {
    metadata: { version: 1, command: name, result: worked ? 1 : 0, reason },
    data: { acct: accounts },
  },
});
const find = (name: string, test: (recording: Recording) => boolean): Recording => {
  const found = recordings.find((each) => each.name === name && test(each));
  assert.ok(found, `No recording of ${name}`);
  return found;
};

describe('cpanel against recordings of a real WHM', { timeout: 60_000, skip }, () => {
  let fake: FakeCpanel;
  beforeEach(async () => {
    fake = await startFakeCpanel();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const context = () => contextOf(fake);

  it('sends no parameter that the recorded function does not have', () => {
    const used = recordings.filter(({ name }) => FUNCTIONS[name] !== undefined);
    assert.ok(used.length >= 15, `only ${used.length} recordings`);
    for (const { name, parameters } of used) {
      const { required = [], optional = [] } = FUNCTIONS[name] ?? {};
      for (const parameter of Object.keys(parameters)) {
        const now = RENAMED[`${name} ${parameter}`] ?? parameter;
        assert.ok([...required, ...optional].includes(now), `${name} ${parameter}`);
      }
    }
  });

  it('reads every recorded account, with all its oddities', async () => {
    const list = find('listaccts', ({ accounts }) => accounts.length > 5);
    fake.answerNext(/listaccts/, inApi1(list));
    const all = await cpanel.list({}, context());
    assert.deepEqual(
      all.map(({ remoteId, name }) => [remoteId, name]),
      list.accounts.map(({ user, domain }) => [user, domain]),
    );
    for (const [index, { email, status }] of all.entries()) {
      const line = list.accounts[index];
      assert.equal(status, Number(line?.['suspended']) === 1 ? 'suspended' : 'active');
      assert.equal(email, String(line?.['email']).includes('@') ? line?.['email'] : undefined);
    }
  });

  it('measures every recorded account', async () => {
    const { accounts } = find('listaccts', ({ accounts }) => accounts.length > 5);
    for (const line of accounts) {
      const { user, domain } = line;
      const properties = { username: String(user), domain: String(domain) };
      const service = serviceOf('1', { properties });
      const one = { ...find('listaccts', () => true), accounts: [line] };
      fake.answerNext(/listaccts/, inApi1(one));
      const [disk] = await cpanel.usage(service, context());
      const [, used] = /^(\d+)M$/.exec(String(line['diskused'])) ?? [];
      const [, limit] = /^(\d+)M$/.exec(String(line['disklimit'])) ?? [];
      assert.equal(disk?.used, Number(used) * 2 ** 20);
      assert.equal(disk?.limit, limit === undefined ? null : Number(limit) * 2 ** 20);
    }
  });

  it('tells from every recorded refusal what it is', async () => {
    const refusals = recordings.filter(({ name, worked }) => !worked && FUNCTIONS[name]?.changes);
    const service = serviceOf();
    const { properties } = await cpanel.create(service, context());
    const product = { ...service.product, settings: { package: 'business' } };
    const change = { ...service, properties: { ...properties }, product };
    const codes = [];
    for (const recording of refusals) {
      fake.answerNext(/changepackage$/, inApi1(recording));
      const { code } = await failureOf(
        cpanel.changePackage({ ...change, previousProduct: service.product }, context()),
        ['not_found', 'conflict', 'invalid_input'],
      );
      codes.push(`${recording.name} ${code}`);
    }
    assert.deepEqual(codes.toSorted(), [
      'changepackage invalid_input',
      'changepackage not_found',
      'createacct conflict',
      'passwd not_found',
      'removeacct not_found',
      'suspendacct not_found',
      'unsuspendacct not_found',
    ]);
  });

  it('takes a recorded success for one, script and all', async () => {
    const service = serviceOf();
    await cpanel.create(service, context());
    const suspended = find('suspendacct', ({ worked }) => worked);
    assert.match(suspended.reason, /<script>/);
    fake.answerNext(/suspendacct/, inApi1(suspended));
    const result = await cpanel.suspend(service, context());
    assert.equal(result.status, 'done');
    assert.doesNotMatch(JSON.stringify(result), /script/);
  });

  it('has a fake that refuses in the recorded words', async () => {
    const absent = recordings.filter(
      ({ name, worked, reason }) => !worked && /not exist/.test(reason) && FUNCTIONS[name]?.changes,
    );
    assert.ok(absent.length >= 4);
    for (const { name, parameters, reason } of absent) {
      const body = new URLSearchParams({ 'api.version': '1' });
      for (const [parameter, value] of Object.entries(parameters))
        body.set(RENAMED[`${name} ${parameter}`] ?? parameter, value);
      if (/package/.test(reason)) fake.add({ user: parameters['user'] ?? '' });
      const reply = await fetch(`${fake.origin}/json-api/${name}`, {
        method: 'POST',
        headers: { authorization: `whm ${USERNAME}:${API_TOKEN}` },
        body,
      });
      const { metadata } = (await reply.json()) as { metadata: { result: number; reason: string } };
      assert.deepEqual([metadata.result, metadata.reason], [0, reason]);
    }
  });

  it('has a fake whose accounts look like recorded ones', async () => {
    fake.add({ user: 'one' });
    const reply = await fetch(`${fake.origin}/json-api/listaccts?api.version=1`, {
      headers: { authorization: `whm ${USERNAME}:${API_TOKEN}` },
    });
    assert.match(reply.headers.get('content-type') ?? '', /^text\/plain/);
    const { data } = (await reply.json()) as { data: { acct: Record<string, unknown>[] } };
    const { accounts } = find('listaccts', ({ accounts }) => accounts.length > 5);
    const [line] = accounts;
    for (const [name, value] of Object.entries(line ?? {})) {
      const ours = data.acct[0]?.[name];
      assert.equal(typeof ours, typeof value, name);
    }
  });
});
