// The console in a real browser: what an admin does by hand, from signing in to reading the log.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { Browser, Page } from 'playwright-core';

import { packFiles } from '../helpers/archive.ts';
import { ADMIN_TOKEN, manifestFor, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';
import { complaintsOf, findBarriers, launch, NO_CHROMIUM } from './browser.ts';

const GREETER = `import { defineOther, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({
    greeting: z.string().min(2).meta({ label: 'Greeting' }),
    key: secret({ label: 'API key', startsWith: 'key_' }),
    loud: z.boolean().default(false).meta({ label: 'Loud' }),
    tone: z.enum(['kind', 'curt']).optional().meta({ label: 'Tone' }),
  }),
  async testConnection() { return { ok: false, message: 'It does not answer', remedy: 'Plug it in' }; },
  async execute(input, ctx) {
    ctx.log.info('greets ' + input);
    if (input === 'nobody') throw new Error('nobody is there');
    return { said: ctx.config.greeting + ', ' + input };
  },
});
`;
const UPLOADED = `import { defineOther } from 'cofferdam/sdk';
export default defineOther({ async execute() { return 1; } });
`;
const MANIFEST = manifestFor('others/greeter', {
  name: 'Greeter',
  capabilities: {
    fetch: { hosts: ['api.greet.example', 'ads.greet.example'], reason: 'It sends the greetings' },
    storage: { quotaBytes: 1_048_576 },
  },
  secrets: { key: { hosts: ['api.greet.example'], in: ['header'] } },
});

const PAGES = [
  ...['extensions', 'extensions/others/greeter', 'extensions/others/greeter/default'],
  ...['extensions/servers/broken', 'install', 'calls', 'deliveries', 'facts', 'audit', 'tokens'],
];

describe('the console', { timeout: 120_000, skip: NO_CHROMIUM }, () => {
  let host: TestHost;
  let browser: Browser;
  let page: Page;
  let complaints: string[];
  before(async () => {
    host = await startTestHost({
      'others/greeter': { 'manifest.json': JSON.stringify(MANIFEST), 'extension.ts': GREETER },
      'servers/broken': {
        'extension.ts': "import { readFileSync } from 'node:fs';\nexport default readFileSync;\n",
      },
    });
    await host.request('POST', '/extensions/servers/broken/enable');
    browser = await launch();
    page = await browser.newPage({
      viewport: { width: 1_440, height: 900 },
      reducedMotion: 'reduce',
    });
    complaints = complaintsOf(page);
  });
  after(async () => {
    await browser?.close();
    await host?.[Symbol.asyncDispose]();
  });

  const open = async (path: string): Promise<void> => {
    await page.goto(`${host.url}/console#/${path}`);
    await page.locator('h1').waitFor();
  };
  const button = (name: string): ReturnType<Page['getByRole']> =>
    page.getByRole('button', { name, exact: true });
  const config = async (): Promise<any> =>
    (await host.request('GET', '/extensions/others/greeter/instances/default')).body;

  it('refuses a wrong token with a remedy, and keeps none', async () => {
    await page.goto(`${host.url}/console`);
    await page.getByLabel('Token').fill('wrong-token-0001');
    await button('Sign in').click();
    await page.getByRole('alert').getByText('A valid bearer token is needed').waitFor();
    assert.equal(await page.evaluate('sessionStorage.length'), 0);
  });

  it('takes a good one, keeps it for the tab, and never puts it into a URL', async () => {
    await page.getByLabel('Token').fill(ADMIN_TOKEN);
    await button('Sign in').click();
    await page.getByRole('heading', { name: 'Extensions', exact: true }).waitFor();
    assert.equal(await page.evaluate('localStorage.length'), 0);
    assert.ok(!page.url().includes(ADMIN_TOKEN));
    await page.reload();
    await page.getByRole('link', { name: 'Greeter' }).waitFor();
  });

  it('shows the frame of a problem in the code of its author', async () => {
    await open('extensions/servers/broken');
    await page.getByText("import { readFileSync } from 'node:fs';").waitFor();
    await page.getByText('extension.ts:1:').waitFor();
  });

  it('names each field that does not fit, and saves those that do', async () => {
    await open('extensions/others/greeter/default');
    await page.getByLabel('Greeting').fill('Hello');
    await page.getByLabel('API key').fill('wrong');
    await button('Save').click();
    await page.locator('.wrong').getByText('must start with "key_"').waitFor();
    assert.equal(await page.getByLabel('API key').getAttribute('aria-invalid'), 'true');
    await page.getByLabel('API key').fill('key_123');
    await page.getByLabel('Tone').selectOption('curt');
    await button('Save').click();
    await page.getByText('A secret is stored').waitFor();
    assert.deepEqual((await config()).config, { greeting: 'Hello', key: '********', tone: 'curt' });
  });

  it('keeps a secret that is not typed again, and never shows it', async () => {
    await page.getByLabel('Greeting').fill('Good day');
    await button('Save').click();
    await page.getByText('config version 2').waitFor();
    assert.deepEqual((await config()).config, {
      greeting: 'Good day',
      key: '********',
      tone: 'curt',
    });
    assert.ok(!(await page.content()).includes('key_123'));
  });

  it('tells why a connection fails and what to do', async () => {
    await button('Test connection').click();
    const note = page.getByRole('region', { name: 'Notes' }).getByRole('alert').last();
    await note.waitFor();
    await note.getByText('Plug it in').waitFor();
  });

  it('asks what it may do, and gives less when a line is struck out', async () => {
    await page.getByText('The author says why: “It sends the greetings”').waitFor();
    await page.getByLabel('Connect to ads.greet.example').uncheck();
    await button('Enable with these grants').click();
    await button('Disable').waitFor();
    assert.deepEqual((await config()).grants, {
      fetch: { hosts: ['api.greet.example'] },
      secrets: { key: { hosts: ['api.greet.example'], in: ['header'] } },
      storage: { quotaBytes: 1_048_576 },
    });
  });

  it('opens a private network with a reason, and says it is an admin who did', async () => {
    await page.getByText('Change what it may do').click();
    await page.getByText('Private network: none').click();
    await page.getByLabel('Range').fill('10.0.0.5/32');
    await page.getByLabel('Reason').fill('The panel in the rack');
    await button('Add the range').click();
    await button('Give these grants').click();
    await page.getByText('granted by an admin').waitFor();
    const { grants } = await config();
    assert.deepEqual(grants.lan, [{ cidr: '10.0.0.5/32', reason: 'The panel in the rack' }]);
  });

  it('gives less room than it asks for, and a lock outlives that', async () => {
    const base = '/extensions/others/greeter';
    const lock = [{ method: 'GET', host: 'api.greet.example', path: '/hi' }];
    await host.request('POST', `${base}/lock`, { lock });
    await page.reload();
    await page.getByText('Change what it may do').click();
    await page.getByLabel('Room for its data, in KiB').fill('5000');
    await page.getByLabel('Room for its data, in KiB').blur();
    assert.equal(await page.getByLabel('Room for its data, in KiB').inputValue(), '1024');
    await page.getByLabel('Room for its data, in KiB').fill('512');
    await button('Give these grants').click();
    await page.getByRole('listitem').getByText('Keep up to 512 KiB of data').waitFor();
    const { grants } = await config();
    await page.getByText('Locked to requests of 1 kind').waitFor();
    assert.deepEqual([grants.storage, grants.lock], [{ quotaBytes: 524_288 }, lock]);
    await host.request('DELETE', `${base}/lock`);
  });

  it('shows who decided what about its grants, as a difference', async () => {
    await page.getByText('Who decided what').click();
    const decisions = page.getByRole('table', { name: 'Decisions about grants' });
    const newest = decisions.getByRole('row').nth(1);
    await newest.getByText('lifted the lock').waitFor();
    await newest.getByText('Removed: Locked to GET api.greet.example/hi').waitFor();
    await decisions.getByText('Removed: Keep up to 1 MiB of data').waitFor();
    await decisions.getByText('Added: Reach the private network 10.0.0.5/32').waitFor();
  });

  it('shows log lines as they come, and calls with what they cost', async () => {
    await host.call('others/greeter', 'execute', 'world');
    await page.getByText('greets world').waitFor();
    await button('Read again').click();
    await page.getByRole('link', { name: 'execute' }).first().click();
    await page.getByText('"said": "Good day, world"').waitFor();
    await page.getByRole('heading', { name: 'Receipt' }).waitFor();
  });

  it('runs a call again only after a yes', async () => {
    const count = async (): Promise<number> =>
      (await host.request('GET', '/calls')).body.calls.length;
    const earlier = await count();
    await button('Run again').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    assert.equal(await count(), earlier);
    await button('Run again').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Run it again' }).click();
    await page.getByRole('term').getByText('Again').waitFor();
    assert.equal(await count(), earlier + 1);
  });

  it('follows changes that others make', async () => {
    await open('extensions/others/greeter');
    await page.getByRole('cell', { name: 'running' }).waitFor();
    await host.request('POST', '/extensions/others/greeter/disable');
    await page.getByRole('cell', { name: 'disabled' }).waitFor();
  });

  it('shows the secret of a new token once, and revokes it after a yes', async () => {
    await open('tokens');
    await page.getByLabel('Name').fill('robot');
    await page.getByLabel('Role').selectOption('viewer');
    await page.getByLabel('Narrowed to').fill('others/nobody');
    await button('Make the token').click();
    await page.getByText('there is no extension "others/nobody"').first().waitFor();
    await page.getByLabel('Narrowed to').fill('others/Greeter/default');
    await page.getByLabel('Requests in a minute').fill('60');
    await button('Make the token').click();
    const secret = await page.getByRole('region', { name: 'The new token' }).innerText();
    const headers = { authorization: `Bearer ${secret.trim()}` };
    const use = async (): Promise<number> =>
      (await fetch(`${host.url}/api/v1/admin/session`, { headers })).status;
    assert.equal(await use(), 200);
    await page.getByRole('cell', { name: 'others/greeter/default' }).waitFor();
    const narrow = { headers: { authorization: `Bearer ${secret.trim()}` } };
    const other = await fetch(`${host.url}/api/v1/admin/extensions/servers/broken`, narrow);
    assert.equal(other.status, 403);
    await button('I have it').click();
    assert.ok(!(await page.content()).includes(secret.trim()));
    await button('Revoke robot').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke it' }).click();
    await button('Revoke robot').waitFor({ state: 'detached' });
    assert.equal(await use(), 401);
  });

  it('finds lines of the audit by filters', async () => {
    await open('audit');
    const filters = page.getByRole('search');
    await filters.getByLabel('Did').fill('token');
    await filters.getByRole('button', { name: 'Find' }).click();
    const table = page.getByRole('table', { name: 'Audit' });
    await table
      .getByRole('cell', { name: 'instance.enable' })
      .first()
      .waitFor({ state: 'detached' });
    await table.getByRole('cell', { name: 'token.create' }).first().waitFor();
    await filters.getByLabel('Until').fill('2020-01-01T00:00');
    await filters.getByRole('button', { name: 'Find' }).click();
    await page.getByText('Nothing fits these filters.').waitFor();
    await filters.getByRole('button', { name: 'Show all' }).click();
    await table.getByRole('cell', { name: 'instance.enable' }).first().waitFor();
  });

  it('installs an upload, and says what is wrong with one that is none', async () => {
    await open('install');
    const pick = page.getByLabel('Archive (.tgz)');
    await pick.setInputFiles({
      name: 'x.tgz',
      mimeType: 'application/gzip',
      buffer: Buffer.from('x'),
    });
    await button('Install').click();
    await page.getByRole('main').getByRole('alert').waitFor();
    const buffer = await packFiles('uploaded', {
      'manifest.json': JSON.stringify(manifestFor('others/uploaded')),
      'extension.ts': UPLOADED,
    });
    await pick.setInputFiles({ name: 'up.tgz', mimeType: 'application/gzip', buffer });
    await button('Install').click();
    await page.getByRole('heading', { name: 'uploaded' }).waitFor();
  });

  it('removes an extension only after a yes', async () => {
    await button('Remove').click();
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal((await host.request('GET', '/extensions/others/uploaded')).status, 200);
    await button('Remove').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove it' }).click();
    await page.getByRole('heading', { name: 'Extensions', exact: true }).waitFor();
    assert.equal((await host.request('GET', '/extensions/others/uploaded')).status, 404);
  });

  for (const scheme of ['light', 'dark'] as const) {
    it(`has no barrier that axe finds on any page, ${scheme}`, async () => {
      await page.emulateMedia({ colorScheme: scheme });
      for (const path of PAGES) {
        await open(path);
        await page.getByText('Loading…').first().waitFor({ state: 'hidden' });
        assert.deepEqual(await findBarriers(page), [], path);
      }
    });
  }

  it('fits a phone: nothing is wider than 360 px', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const path of PAGES) {
      await open(path);
      await page.getByText('Loading…').first().waitFor({ state: 'hidden' });
      const over = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      assert.equal(over, 0, path);
    }
  });

  it('shows a viewer nothing that only others may do', async () => {
    const { body } = await host.request('POST', '/tokens', { name: 'v', role: 'viewer' });
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').fill(body.secret);
    await button('Sign in').click();
    await open('extensions/others/greeter/default');
    await page.getByRole('heading', { name: 'Configuration' }).waitFor();
    const forOthers = [
      'Save',
      'Disable',
      'Restart',
      'Delete',
      'Enable with these grants',
      'Call it',
    ];
    for (const name of forOthers) {
      assert.equal(await button(name).count(), 0, name);
    }
    await host.request('DELETE', `/tokens/${body.id}`);
    await page.reload();
    await page.getByText('The token is no longer good').waitFor();
  });

  it('did all that without one complaint of the browser', () => {
    assert.deepEqual(complaints, []);
  });
});

describe('the API reference', { timeout: 60_000, skip: NO_CHROMIUM }, () => {
  it('shows every operation, finds one, and has no barrier', async () => {
    await using host = await startTestHost();
    const browser = await launch();
    try {
      const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
      const complaints = complaintsOf(page);
      const asked: string[] = [];
      page.on('request', (request) => asked.push(new URL(request.url()).host));
      await page.goto(`${host.url}/docs`);
      await page.getByRole('heading', { name: /Cofferdam API/ }).waitFor();
      const api: any = await (await fetch(`${host.url}/openapi.json`)).json();
      const count = Object.values<object>(api.paths).flatMap((path) => Object.keys(path));
      const shown = await page.locator('.endpoint').count();
      assert.equal(shown, count.filter((method) => method !== 'head').length);
      await page.getByLabel('Find an operation').fill('post calls run');
      await page.getByText('/calls/{handler}').first().click();
      await page.getByText('Idempotency-Key', { exact: false }).first().waitFor();
      assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        assert.deepEqual(await findBarriers(page), []);
      }
      assert.deepEqual(complaints, []);
      assert.deepEqual(new Set(asked), new Set([new URL(host.url).host]));
    } finally {
      await browser.close();
    }
  });
});
