import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { manifestFor, other, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

const KEEPS_STATE = (label: string): string => `import { defineOther } from 'cofferdam/sdk';
let count = 0;
export default defineOther({
  async execute() { count += 1; return { label: '${label}', count }; },
  async onSuspend() { return { count }; },
  async onResume(state) { count = state.count; },
} as any);
`;

describe('hot reload', { timeout: 60_000 }, () => {
  let host: TestHost;
  const answer = async (name: string) => (await host.call(name, 'execute')).body;

  before(async () => {
    host = await startTestHost(
      {
        'others/live': {
          'extension.ts': other("return greet('one');", "import { greet } from './greet.ts';"),
          'greet.ts': 'export const greet = (word: string) => `hi ${word}`;',
        },
        'others/stateful': { 'extension.ts': KEEPS_STATE('first') },
        'others/asks': { 'extension.ts': other("return 'v1';") },
      },
      { settings: { COFFERDAM_WATCH: '1' } },
    );
    for (const name of ['others/live', 'others/stateful', 'others/asks']) await host.enable(name);
  });
  after(() => host[Symbol.asyncDispose]());

  it('answers with the new code after a save of any of its files', async () => {
    assert.equal((await answer('others/live')).result, 'hi one');
    const reloaded = host.nextChange('instance.reloaded');
    await host.write(
      'others/live',
      'greet.ts',
      'export const greet = (w: string) => `hello ${w}`;',
    );
    assert.equal((await reloaded).subject, 'others/live/default');
    assert.equal((await answer('others/live')).result, 'hello one');
  });

  it('keeps the old code on a syntax error and names file, line and column', async () => {
    const failed = host.nextChange('extension.build-failed');
    await host.write('others/live', 'greet.ts', '\nexport const greet = (w: string => w;\n');
    const { data } = await failed;
    const [problem] = data.problems;
    assert.deepEqual([problem.file, problem.line, problem.column], ['greet.ts', 2, 33]);
    assert.equal(problem.lineText, 'export const greet = (w: string => w;');
    assert.equal((await answer('others/live')).result, 'hello one');
    const { body } = await host.request('GET', '/extensions/others/live');
    assert.equal(body.state, 'broken');
    assert.equal(body.problems[0].file, 'greet.ts');
  });

  it('keeps the old code while a file is cut off, as it is before an editor writes it', async () => {
    const failed = host.nextChange('extension.build-failed');
    await host.write('others/live', 'greet.ts', '');
    const { data } = await failed;
    const { file, line, message } = data.problems[0];
    assert.deepEqual([file, line, message], ['extension.ts', 2, 'File "greet.ts" is empty']);
    assert.equal((await answer('others/live')).result, 'hello one');
  });

  it('keeps the old code when the new one throws while loading', async () => {
    const failed = host.nextChange('extension.build-failed');
    await host.write('others/live', 'greet.ts', 'export const greet = (null as any).nope;\n');
    const { data } = await failed;
    assert.equal(data.error.code, 'EXTENSION_LOAD_FAILED');
    assert.deepEqual([data.problems[0].file, data.problems[0].line], ['greet.ts', 1]);
    assert.equal((await answer('others/live')).result, 'hello one');
  });

  it('hands state from one generation to the next', async () => {
    await answer('others/stateful');
    assert.deepEqual((await answer('others/stateful')).result, { label: 'first', count: 2 });
    const reloaded = host.nextChange('instance.reloaded');
    await host.write('others/stateful', 'extension.ts', KEEPS_STATE('second'));
    await reloaded;
    assert.deepEqual((await answer('others/stateful')).result, { label: 'second', count: 3 });
  });

  it('swaps back by itself when the first calls of the new code all fail', async () => {
    const reloaded = host.nextChange('instance.reloaded');
    const broken = KEEPS_STATE('third').replace('count += 1;', "throw new Error('broken');");
    await host.write('others/stateful', 'extension.ts', broken);
    await reloaded;
    const back = host.nextChange('instance.rolled-back');
    for (const _call of [1, 2, 3]) {
      const { body } = await host.call('others/stateful', 'execute');
      assert.equal(body.code, 'EXTENSION_THREW');
      assert.match(body.details.stack, /extension\.ts:4:/);
    }
    await back;
    assert.equal((await answer('others/stateful')).result.label, 'second');
  });

  it('lets a new generation that asks for more wait for a new yes', async () => {
    const manifest = manifestFor('others/asks', {
      version: '1.1.0',
      capabilities: { fetch: { hosts: ['api.example.com'] } },
    });
    await host.write('others/asks', 'extension.ts', other("return 'v2';"));
    const waits = host.nextChange('instance.state');
    await host.write('others/asks', 'manifest.json', JSON.stringify(manifest));
    await waits;
    const { body } = await host.request('GET', '/extensions/others/asks/instances/default');
    assert.equal(body.state, 'waiting-for-grant');
    assert.deepEqual(body.missingGrants, { fetch: { hosts: ['api.example.com'] } });
    const restart = await host.request('POST', '/extensions/others/asks/restart');
    assert.deepEqual([restart.status, restart.body.code], [409, 'CALLER_GRANT_NEEDED']);
    const enabled = await host.enable('others/asks');
    assert.deepEqual(enabled.grants, { fetch: { hosts: ['api.example.com'] } });
    assert.equal((await answer('others/asks')).result, 'v2');
  });

  it('fails no call while code is replaced twenty times under load', async () => {
    await host.write('others/live', 'greet.ts', 'export const greet = (w: string) => `gen 0`;');
    await host.nextChange('instance.reloaded');
    let running = true;
    const failures: unknown[] = [];
    const load = Array.from({ length: 8 }, async () => {
      while (running) {
        const { status, body } = await host.call('others/live', 'execute');
        if (status !== 200) failures.push(body);
      }
    });
    for (let generation = 1; generation <= 20; generation += 1) {
      const reloaded = host.nextChange('instance.reloaded');
      await host.write(
        'others/live',
        'greet.ts',
        `export const greet = (w: string) => 'gen ${generation}';`,
      );
      await reloaded;
    }
    running = false;
    await Promise.all(load);
    assert.deepEqual(failures, []);
    assert.equal((await answer('others/live')).result, 'gen 20');
  });

  it('rolls back to an older generation and forward again', async () => {
    const { body } = await host.request('GET', '/extensions/others/live');
    const [newest, older] = body.generations;
    const path = '/extensions/others/live/rollback';
    await host.request('POST', path, { generation: older.generation });
    assert.equal((await answer('others/live')).result, 'gen 19');
    await host.request('POST', path, { generation: newest.generation });
    assert.equal((await answer('others/live')).result, 'gen 20');
    const unknown = await host.request('POST', path, { generation: '0'.repeat(64) });
    assert.equal(unknown.status, 404);
  });
});
