// Which files of a web-platform-tests checkout are run, and with what: areas, `META:` lines, variants.

import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';

/** One run of one file: `variant` is its query, `scripts` what it loads first, as paths from the root. */
export type Job = {
  readonly area: string;
  readonly path: string;
  readonly variant: string;
  readonly scripts: readonly string[];
  readonly isLong: boolean;
};

/** The parts of the platform that exist in an isolate. */
export const AREAS = [
  'url',
  'urlpattern',
  'encoding',
  'streams',
  'fetch/api/headers',
  'fetch/api/request',
  'fetch/api/response',
  'fetch/api/body',
  'fetch/api/abort',
  'dom/abort',
  'dom/events',
  'html/webappapis/timers',
  'html/webappapis/atob',
  'html/webappapis/structured-clone',
  'html/webappapis/microtask-queuing',
  'FileAPI/blob',
  'WebCryptoAPI',
  'compression',
  'hr-time',
  'xhr/formdata',
] as const;

const TEST_FILE = /\.(?:any|window)\.js$/;

/**
 * Lists what to run.
 *
 * @param root A checkout of web-platform-tests
 * @param only Beginnings of paths; everything when empty
 * @throws {Error} When the folder is no checkout
 */
export async function planJobs(root: string, only: readonly string[]): Promise<Job[]> {
  const harness = await stat(join(root, 'resources/testharness.js')).catch(() => undefined);
  if (harness === undefined) {
    throw new Error(
      `"${root}" has no resources/testharness.js: name a web-platform-tests checkout`,
    );
  }
  const jobs: Job[] = [];
  for (const area of AREAS) {
    for (const path of await listTests(root, area)) {
      if (only.length > 0 && !only.some((each) => path.startsWith(each))) continue;
      jobs.push(...parseTest(area, path, await readFile(join(root, path), 'utf8')));
    }
  }
  return jobs;
}

/** The runs that a file asks for: one for each variant. */
export function parseTest(area: string, path: string, text: string): Job[] {
  const scripts: string[] = [];
  const variants: string[] = [];
  let isLong = false;
  for (const [, key, value = ''] of text.matchAll(/^\/\/\s*META:\s*(\w+)=(.*?)\s*$/gm)) {
    if (key === 'script') scripts.push(posix.resolve('/', dirname(path), value));
    if (key === 'variant') variants.push(value);
    if (key === 'timeout') isLong = value === 'long';
  }
  const shared = { area, path: `/${path}`, scripts, isLong };
  return (variants.length === 0 ? [''] : variants).map((variant) => ({ ...shared, variant }));
}

async function listTests(root: string, area: string): Promise<string[]> {
  const entries = await readdir(join(root, area), { recursive: true }).catch(() => []);
  return entries
    .filter((name) => TEST_FILE.test(name))
    .map((name) => posix.join(area, name))
    .toSorted();
}
