// What a pending operation shows once, where no panel is told: it waits, sealed, for the first repeat.
// And whoever reads the database alone reads neither that nor what deliveries carry.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';

import { manifestFor, startTestHost } from '../../helpers/host.ts';

const CODE = `import { defineServer } from 'cofferdam/sdk';
const done = async () => ({ status: 'done' });
export default defineServer({
  async create() { return { status: 'pending', retryAfterMs: 1 }; },
  async changePassword() { return { status: 'pending', retryAfterMs: 1 }; },
  async reconcile() { return { status: 'done', oneTime: { password: 'shown-' + (40 + 2) } }; },
  suspend: done, unsuspend: done, terminate: done,
});
`;

const NOTES = `import { defineOther } from 'cofferdam/sdk';
export default defineOther({ async execute() {}, on: { async 'note.made'() {} } });
`;

const TIMEOUT = { timeout: 60_000 };

it('gives a password of a pending operation to the first repeat alone', TIMEOUT, async () => {
  const events = { capabilities: { events: ['note.made'] } };
  const host = await startTestHost({
    'servers/slow': { 'extension.ts': CODE },
    'others/notes': {
      'manifest.json': JSON.stringify(manifestFor('others/notes', events)),
      'extension.ts': NOTES,
    },
  });
  await host.enable('servers/slow');
  await host.enable('others/notes');
  const headers = { 'idempotency-key': 'k1' };
  const create = async (): Promise<any> => {
    const path = '/extensions/servers/slow/calls/create';
    return (await host.request('POST', path, { input: { id: 's1', properties: {} } }, headers))
      .body;
  };
  assert.equal((await create()).result.status, 'pending');
  let repeat = await create();
  while (repeat.result.status === 'pending') repeat = await create();
  assert.deepEqual(repeat.result, { status: 'done', oneTime: { password: 'shown-42' } });
  assert.deepEqual((await create()).result, { status: 'done' });

  const password = 'CANARY-PASSWORD-7b1';
  const input = { service: { id: 's2', properties: {} }, password };
  const changed = await host.call('servers/slow', 'changePassword', input);
  assert.equal(changed.body.result.status, 'pending');
  const told = { type: 'note.made', data: { text: 'CANARY-EVENT-7b1' } };
  assert.equal((await host.request('POST', '/../events', told)).status, 202);
  await host.running.stop();
  const files = ['cofferdam.db', 'cofferdam.db-wal'].map((name) =>
    readFile(join(host.dir, 'data', name)).catch(() => Buffer.alloc(0)),
  );
  const all = Buffer.concat(await Promise.all(files));
  const found = [password, 'CANARY-EVENT-7b1', 'shown-42'].filter((text) => all.includes(text));
  assert.deepEqual(found, []);
  assert.ok(all.includes('changePassword'), 'the right files were read');
});

it('asks about a pending call whose input names no service', TIMEOUT, async () => {
  await using host = await startTestHost({ 'servers/slow': { 'extension.ts': CODE } });
  await host.enable('servers/slow');
  const { status, body } = await host.call('servers/slow', 'create', null);
  assert.deepEqual([status, body.result.status], [200, 'pending']);
});
