// The runner itself, on a checkout of three files: a stand-in for testharness.js that knows `test` alone.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { parseTest, planJobs } from './plan.ts';
import { compare, lagsOf } from './report.ts';
import type { Run } from './report.ts';
import { serveTests } from './server.ts';
import { runInNode, startIsolates } from './sides.ts';

const HARNESS = `(function (scope) {
  const tests = [];
  let done;
  scope.add_completion_callback = (callback) => { done = callback; };
  scope.timeout = () => done(tests, { status: 0, message: null });
  scope.test = (run, name) => {
    try { run(); tests.push({ name, status: 0, message: null }); }
    catch (error) { tests.push({ name, status: 1, message: error.message }); }
  };
  scope.finish = () => done(tests, { status: 0, message: null });
})(self);`;
const TEST = `// META: title=A test
// META: script=../common/word.sub.js
// META: variant=?a
// META: variant=?b
test(() => { if (word !== '127.0.0.1') throw new Error(word); }, 'sees what another script declares');
test(() => { if (!location.search.startsWith('?')) throw new Error(location.search); }, 'knows its variant');
test(() => { if (typeof process === 'undefined') throw new Error('no process'); }, 'has a Node global');
test(() => { throw new Error('no'); }, 'fails');
finish();
`;

describe('web-platform-tests runner', { timeout: 60_000 }, () => {
  let root: string;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'cofferdam-wpt-'));
    const files = {
      'resources/testharness.js': HARNESS,
      'common/word.sub.js': `const word = '{{host}}';`,
      'url/a.any.js': TEST,
      'url/helper.js': 'not a test',
    };
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, name)), { recursive: true });
      await writeFile(join(root, name), text);
    }
  });
  after(() => rm(root, { recursive: true }));

  it('reads the lines that say what a file needs', () => {
    assert.deepEqual(parseTest('url', 'url/x/a.any.js', `${TEST}// META: timeout=long\n`), [
      ...['?a', '?b'].map((variant) => ({
        area: 'url',
        path: '/url/x/a.any.js',
        scripts: ['/url/common/word.sub.js'],
        isLong: true,
        variant,
      })),
    ]);
  });

  it('refuses a folder that is no checkout', async () => {
    await assert.rejects(planJobs(join(root, 'url'), []), /name a web-platform-tests checkout/);
  });

  it('runs a file in an isolate and in Node and tells the difference', async () => {
    const [job, ...others] = await planJobs(root, []);
    assert.ok(job);
    assert.equal(others.length, 1);
    await using server = await serveTests(root);
    await using isolates = await startIsolates(1, server.origin);
    const run = {
      job,
      here: await isolates.run(job),
      node: await runInNode(job, server.origin),
    };
    const both = [
      ['sees what another script declares', 'PASS', ''],
      ['knows its variant', 'PASS', ''],
    ];
    const fails = ['fails', 'FAIL', 'no'];
    const missing = ['has a Node global', 'FAIL', 'no process'];
    assert.deepEqual(run.here, { subtests: [...both, missing, fails], error: '' });
    assert.deepEqual(run.node, {
      subtests: [...both, ['has a Node global', 'PASS', ''], fails],
      error: '',
    });
    assert.deepEqual(lagsOf([run]), { '/url/a.any.js?a': ['has a Node global'] });
  });

  it('names what is new and what is out of date in the expectations', () => {
    const job = { area: 'url', path: '/url/a.any.js', variant: '', scripts: [], isLong: false };
    const outcome = (...names: string[]): Run['here'] => ({
      subtests: names.map((name) => [name, 'PASS', '']),
      error: '',
    });
    const run = { job, here: outcome('one'), node: outcome('one', 'two', 'two shared') };
    assert.deepEqual(compare([run], {}), [
      'fails: /url/a.any.js: two',
      'fails: /url/a.any.js: two shared',
    ]);
    assert.deepEqual(compare([run], { '/url/a.any.js': ['two', '~shared'] }), []);
    assert.deepEqual(compare([run], { '/url/a.any.js': ['~two', 'one'] }), [
      'passes now: /url/a.any.js: one',
    ]);
  });
});
