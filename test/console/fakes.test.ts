// `cofferdam dev --with-fakes` as a person uses it: start it, sign in to the console, test a connection and
// call a handler of one server, one gateway and one other, and see what came of it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';

import type { Browser, Page } from 'playwright-core';

import { complaintsOf, findBarriers, launch, NO_CHROMIUM } from './browser.ts';

const LAUNCH = join(import.meta.dirname, '../../host/cli/launch.js');
const TOKEN = 'fakes-console-token-0001';

describe('the console of the fakes', { timeout: 180_000, skip: NO_CHROMIUM }, () => {
  let child: ChildProcess;
  let url = '';
  let browser: Browser;
  let page: Page;
  let complaints: string[];
  before(async () => {
    const started = spawn(process.execPath, [LAUNCH, 'dev', '--with-fakes'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        COFFERDAM_PORT: '0',
        COFFERDAM_ADMIN_TOKEN: TOKEN,
        COFFERDAM_LOG_LEVEL: 'silent',
      },
    });
    child = started;
    for await (const line of createInterface({ input: started.stdout })) {
      url = /^Everything runs on fakes\. Open (\S+) /.exec(line)?.[1] ?? '';
      if (url !== '') break;
    }
    browser = await launch();
    page = await browser.newPage({
      viewport: { width: 1_440, height: 900 },
      reducedMotion: 'reduce',
    });
    complaints = complaintsOf(page);
    await page.goto(url);
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Extensions', exact: true }).waitFor();
  });
  after(async () => {
    await browser?.close();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  });

  const open = async (extension: string, handler: string): Promise<string> => {
    await page.goto(`${url}#/extensions/${extension}/default`);
    await page.getByLabel('Handler').selectOption(handler);
    // Its last call's input has come once the placeholder is gone.
    const filled = page.locator('#run-input:not(:placeholder-shown)');
    await filled.waitFor();
    return await filled.inputValue();
  };
  const call = async (input: string): Promise<any> => {
    await page.getByLabel('Input, as JSON').fill(input);
    await page.getByRole('button', { name: 'Call it' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Call it' }).click();
    return JSON.parse(await page.getByLabel('What it answered').innerText());
  };

  it('tests a connection, and creates a site with the input of the first one', async () => {
    const input = await open('servers/plesk', 'create');
    await page.getByRole('button', { name: 'Test connection' }).click();
    await page.getByText(/Plesk .* answers/).waitFor();
    const { status, remoteId, oneTime } = await call(input.replaceAll('demo-1', 'mine-1'));
    assert.equal(status, 'done');
    assert.match(remoteId, /^\d+$/);
    assert.match(oneTime.ftpPassword, /^\S{12,}$/);
    await page.getByRole('link', { name: 'the whole call' }).click();
    await page.getByRole('heading', { name: 'Receipt' }).waitFor();
  });

  it('opens a payment that a customer pays, and shows it in the ledger', async () => {
    const input = await open('gateways/mollie', 'pay');
    const { kind, externalId } = await call(input.replaceAll('"42"', '"4711"'));
    assert.equal(kind, 'redirect');
    await page.goto(`${url}#/facts`);
    const reads = page.getByRole('cell', { name: externalId });
    for (let tries = 0; (await reads.count()) === 0 && tries < 40; tries += 1) {
      await page.reload();
      await page.getByRole('heading', { name: 'Payments' }).waitFor();
      await page
        .getByRole('cell', { name: /^payment/ })
        .first()
        .waitFor();
    }
    await reads.waitFor();
  });

  it('sends an event to Discord', async () => {
    const input = await open('others/discordnotifications', 'on.invoice.paid');
    const answer = await call(input.replace('evt_1', 'evt_2'));
    assert.ok(answer === null || typeof answer === 'object');
  });

  it('says of input that is no JSON where it is wrong', async () => {
    await open('servers/cpanel', 'create');
    await page.getByLabel('Input, as JSON').fill('{"id": }');
    await page.getByRole('button', { name: 'Call it' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Call it' }).click();
    await page.getByText('The input is no JSON').waitFor();
  });

  it('has no barrier there, and is not wider than its window', async () => {
    await open('others/discordnotifications', 'on.invoice.paid');
    assert.deepEqual(await findBarriers(page), []);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0);
    assert.deepEqual(complaints, []);
  });
});
