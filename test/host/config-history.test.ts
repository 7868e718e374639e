// Earlier versions of a config: shown without secrets, taken back as new versions.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { FieldSchema } from '../../host/lifecycle/compiled.ts';
import { restoreConfig } from '../../host/lifecycle/config-history.ts';
import { createVault } from '../../host/store/vault.ts';
import { startTestHost } from '../helpers/host.ts';
import type { Answer, TestHost } from '../helpers/host.ts';

const code = (fields: string): string => `import { defineOther, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ ${fields} }),
  async execute(input, { config }) { return config; },
} as any);
`;
const SECRET = 'sk_first_0123456789';

describe('the history of a config', { timeout: 60_000 }, () => {
  let host: TestHost;
  const base = '/extensions/others/kept';
  const must = ({ status, body }: Answer): any => {
    assert.ok(status < 300, `${status}: ${JSON.stringify(body)}`);
    return body;
  };

  before(async () => {
    host = await startTestHost({
      'others/kept': {
        'extension.ts': code(`word: z.string(), key: secret({ label: 'Key' })`),
      },
    });
    await host.enable('others/kept', { word: 'one', key: SECRET });
    must(await host.request('PUT', `${base}/config`, { word: 'two', key: 'sk_second_0123456789' }));
  });
  after(() => host[Symbol.asyncDispose]());

  it('lists every version, newest first, who set it, and no secret', async () => {
    const short = must(await host.request('GET', `${base}/config/history`));
    assert.deepEqual(
      short.versions.map(({ version, actor, config }: any) => [version, actor, config]),
      [
        [2, 'tok_admin', { word: 'two', key: '********' }],
        [1, 'tok_admin', { word: 'one', key: '********' }],
      ],
    );
    const full = await host.request('GET', `${base}/instances/default/config/history`);
    assert.deepEqual(must(full), short);
  });

  it('takes a version back as a new one, audited, live at once', async () => {
    const path = `${base}/instances/default/config/rollback`;
    const view = must(await host.request('POST', path, { version: 1 }));
    assert.deepEqual([view.configVersion, view.config.word], [3, 'one']);
    assert.equal((await host.call('others/kept', 'execute')).body.result.word, 'one');
    const { entries } = must(await host.request('GET', '/audit?limit=5'));
    const line = entries.find((each: any) => each.action === 'instance.config.rollback');
    assert.deepEqual(
      [line.subject, line.outcome, line.details],
      ['others/kept/default', 'done', { from: 1, configVersion: 3 }],
    );
  });

  it('refuses a version that is not kept, and a body that names none', async () => {
    const gone = await host.request('POST', `${base}/config/rollback`, { version: 99 });
    assert.deepEqual([gone.status, gone.body.code], [404, 'CALLER_NOT_FOUND']);
    assert.match(gone.body.remedy, /config\/history/);
    const none = await host.request('POST', `${base}/config/rollback`, {});
    assert.deepEqual([none.status, none.body.code], [400, 'CALLER_INPUT_INVALID']);
  });
});

describe('a version that is taken back', () => {
  const vault = createVault(Buffer.alloc(32, 1));
  const instance = 'others/kept/default';
  const sealed = vault.seal(SECRET, { instance, field: 'key' });
  const versions = [{ version: 1, at: '', actor: 'tok', config: { word: 'one', key: sealed } }];
  const restore = (properties: Readonly<Record<string, FieldSchema>>) => () => {
    const description = { category: 'others', handlers: [], actions: [], config: { properties } };
    return restoreConfig(versions, 1, { instance, vault, description });
  };

  it('keeps its secret sealed', () => {
    const secret = { type: 'string', secret: true };
    assert.deepEqual(restore({ word: { type: 'string' }, key: secret })(), versions[0]?.config);
  });

  it('is refused when a field of it is gone', () => {
    assert.throws(restore({ word: { type: 'string' } }), { code: 'CALLER_CONFIG_INVALID' });
  });

  it('is refused when its secret would be kept in the clear', () => {
    const open = { word: { type: 'string' }, key: { type: 'string' } };
    assert.throws(restore(open), { code: 'CALLER_CONFIG_INVALID' });
  });
});
