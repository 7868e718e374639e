// A real Chromium for the pages, where one is installed; nothing is downloaded.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';

const PLACES = [
  process.env['CHROMIUM_PATH'] ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Where it is; undefined when there is none. */
export const CHROMIUM = PLACES.find((path) => path !== '' && existsSync(path));

/** What a test says when there is none. */
export const NO_CHROMIUM =
  CHROMIUM === undefined && 'no Chromium is installed (apt-get install chromium, or CHROMIUM_PATH)';

/** Starts it. */
export function launch(): Promise<Browser> {
  // Its own sandbox needs user namespaces, which containers often lack; it opens our own pages only.
  return chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
}

/** Everything a page complained of; must be empty in the end. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A reply that is a problem is logged by the browser itself: the page shows it.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  return complaints;
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe finds wrong with the page, a line for each. The page's own policy lets no script in: so by CDP. */
export async function findBarriers(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const found = await page.evaluate<
    { id: string; nodes: { html: string; failureSummary: string }[] }[]
  >(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)`);
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 150)} ${failureSummary}`),
  );
}
