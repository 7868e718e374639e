// What the console shows of walls: a warning where one is missing.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { Browser } from 'playwright-core';

import { ADMIN_TOKEN, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';
import { NO_WALLS } from '../helpers/kernel.ts';
import { launch, NO_CHROMIUM } from './browser.ts';

describe('the console', { timeout: 60_000, skip: NO_CHROMIUM }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  const signIn = async (host: TestHost): Promise<Awaited<ReturnType<Browser['newPage']>>> => {
    const page = await browser.newPage();
    await page.goto(`${host.url}/console`);
    await page.getByLabel('Token').fill(ADMIN_TOKEN);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Extensions' }).waitFor();
    return page;
  };

  it('names each wall that this machine does not hold, and what to run', async () => {
    await using host = await startTestHost({}, { kernel: NO_WALLS });
    const page = await signIn(host);
    const warning = page.getByRole('status').filter({ hasText: 'does not hold every wall' });
    await warning.waitFor();
    assert.deepEqual(await warning.getByRole('listitem').allTextContents(), [
      'open a database',
      'load a native addon from elsewhere',
      'signal the host',
    ]);
    assert.match((await warning.textContent()) ?? '', /npx cofferdam doctor/);
    await page.close();
  });
});
