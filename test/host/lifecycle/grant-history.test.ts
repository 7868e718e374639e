// Every decision about grants is kept: who, when, and what it changed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { grantDifference } from '../../../host/lifecycle/grants.ts';
import { manifestFor, other, startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';

const CAPABILITIES = {
  fetch: { hosts: ['a.example.com', 'b.example.com'], reason: 'for its test' },
  storage: { quotaBytes: 1_000 },
};

describe('the history of grants', { timeout: 60_000 }, () => {
  let host: TestHost;
  before(async () => {
    const manifest = JSON.stringify(manifestFor('others/asks', { capabilities: CAPABILITIES }));
    host = await startTestHost({
      'others/asks': {
        'extension.ts': other('if (input?.url) await ctx.fetch(input.url);'),
        'manifest.json': manifest,
      },
      'others/fails': {
        'extension.ts': `import { defineOther } from 'cofferdam/sdk';
export default defineOther({ async execute() {}, async onEnable() { throw new Error('no'); } });`,
        'manifest.json': JSON.stringify(
          manifestFor('others/fails', { capabilities: CAPABILITIES }),
        ),
      },
    });
  });
  after(() => host[Symbol.asyncDispose]());
  const historyOf = async (extension: string): Promise<any[]> => {
    const { status, body } = await host.request('GET', `/extensions/${extension}/grants/history`);
    assert.equal(status, 200);
    return body.changes;
  };

  it('has enable, narrowing, widening, lock, an allowed request and unlock, newest first', async () => {
    const a = { fetch: { hosts: ['a.example.com'] } };
    const lan = [{ cidr: '10.0.0.0/24', reason: 'ours' }];
    await host.enable('others/asks');
    await host.enable('others/asks', undefined, { ...a, storage: { quotaBytes: 500 } });
    await host.enable('others/asks', undefined, { lan });
    const lock = [{ method: 'GET', host: 'a.example.com', path: '/one' }];
    await host.request('POST', '/extensions/others/asks/lock', { lock });
    await host.call('others/asks', 'execute', { url: 'https://a.example.com/two' });
    const { body } = await host.request('GET', '/requests');
    await host.request('POST', `/requests/${body.requests[0].id}/allow`);
    await host.request('DELETE', '/extensions/others/asks/lock');
    const whole = {
      fetch: { hosts: CAPABILITIES.fetch.hosts },
      storage: { quotaBytes: 1_000 },
    };
    const b = { fetch: { hosts: ['b.example.com'] } };
    const two = { method: 'GET', host: 'a.example.com', path: '/two' };
    const changes = await historyOf('others/asks');
    assert.deepEqual(
      changes.toReversed().map(({ action, added, removed }) => [action, added, removed]),
      [
        ['enable', whole, {}],
        ['enable', {}, { ...b, storage: { quotaBytes: 1_000 } }],
        ['enable', { ...b, storage: { quotaBytes: 1_000 }, lan }, {}],
        ['lock', { lock }, b],
        ['allow', { lock: [two] }, {}],
        ['unlock', b, { lock: [...lock, two] }],
      ],
    );
    assert.deepEqual([...new Set(changes.map(({ actor }) => actor))], ['tok_admin']);
    assert.ok(changes.every(({ at }) => new Date(at).toISOString() === at));
    assert.deepEqual(changes[0].grants, { ...whole, lan });
    const { body: full } = await host.request(
      'GET',
      '/extensions/others/asks/instances/default/grants/history',
    );
    assert.deepEqual(full.changes, changes);
  });

  it('says that a yes was taken back when the start failed', async () => {
    const { status } = await host.request('POST', '/extensions/others/fails/enable');
    assert.equal(status, 502);
    const [undone, given, ...more] = await historyOf('others/fails');
    assert.deepEqual(
      [undone.action, undone.added, undone.removed, undone.grants],
      ['enable.undone', {}, given.added, null],
    );
    assert.deepEqual([given.action, more], ['enable', []]);
  });

  it('is unknown for what is not there', async () => {
    const { status } = await host.request('GET', '/extensions/others/nobody/grants/history');
    assert.equal(status, 404);
  });
});

it('the difference of grants tells an empty lock from none', () => {
  assert.deepEqual(grantDifference({}, { lock: [] }), { added: { lock: [] }, removed: {} });
  assert.deepEqual(grantDifference({ lock: [] }, null), { added: {}, removed: { lock: [] } });
  assert.deepEqual(grantDifference(null, null), { added: {}, removed: {} });
});
