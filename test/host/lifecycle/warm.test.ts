// Code caches: made after the first calls of a generation, kept with it, taken over by what did not change.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { setInterval } from 'node:timers/promises';

import type { Bundle } from '../../../host/build/build.ts';
import { unpackResult } from '../../../host/build/messages.ts';
import { Warming } from '../../../host/broker/warming.ts';
import { LIMITS } from '../../../host/limits.ts';
import { withCaches, withOwnCaches } from '../../../host/lifecycle/compiled.ts';
import { other, startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';

const ENGINE = `${process.versions.v8} ${process.arch}`;
const CODE = `import { defineOther } from 'cofferdam/sdk';
import { twice } from 'twice';
export default defineOther({ async execute(input: number) { return twice(input) + 1; } });
`;
const PACKAGE = {
  'package.json': '{"dependencies":{"twice":"1.0.0"}}',
  'node_modules/twice/package.json': '{"name":"twice","version":"1.0.0","main":"index.js"}',
  'node_modules/twice/index.js': 'exports.twice = (value) => value * 2;',
};

/** The newest stored bundle, once it fits. */
async function storedBundle(host: TestHost, fits: (bundle: Bundle) => boolean): Promise<Bundle> {
  const file = join(host.dir, 'data', 'cofferdam.db');
  for await (const _ of setInterval(20)) {
    using db = new DatabaseSync(file, { readOnly: true });
    const row = db.prepare('SELECT bundle FROM generations ORDER BY seq DESC LIMIT 1').get();
    const result = unpackResult(Buffer.from(row?.['bundle'] as Uint8Array));
    if (result?.ok === true && fits(result.bundle)) return result.bundle;
  }
  throw new Error('unreachable');
}

const ranOn = ({ parts }: Bundle): (string | undefined)[] => parts.map((part) => part.ranOn);

describe('code caches of an extension', { timeout: 60_000 }, () => {
  it('are made after some calls and stay with what a new generation leaves unchanged', async () => {
    await using host = await startTestHost({
      'others/double': { 'extension.ts': CODE, ...PACKAGE },
    });
    await host.enable('others/double');
    for (let at = 0; at < LIMITS.callsUntilWarm; at += 1) {
      assert.equal((await host.call('others/double', 'execute', 4)).body.result, 9);
    }
    const warm = await storedBundle(host, (bundle) => bundle.parts[0]?.ranOn !== undefined);
    assert.deepEqual(ranOn(warm), [ENGINE, ENGINE]);
    await host.write('others/double', 'extension.ts', CODE.replace('+ 1', '+ 2'));
    await host.request('POST', '/extensions/others/double/restart');
    assert.equal((await host.call('others/double', 'execute', 4)).body.result, 10);
    const next = await storedBundle(host, ({ hash }) => hash !== warm.hash);
    assert.deepEqual(ranOn(next), [ENGINE, undefined]);
    assert.deepEqual(next.parts[0]?.cachedData, warm.parts[0]?.cachedData);
  });

  it('are taken over for equal content and the same engine only', () => {
    const cached = { code: '1', cachedData: Uint8Array.of(1) };
    const bundle: Bundle = {
      hash: 'b',
      inputs: [],
      source: 's',
      parts: [
        { ...cached, role: 'dependencies', hash: 'd' },
        { ...cached, role: 'extension', hash: 'e' },
      ],
    };
    const warm = withOwnCaches(bundle, 'v1', [Uint8Array.of(2), Uint8Array.of()]);
    assert.deepEqual(ranOn(warm), ['v1', undefined]);
    assert.deepEqual(withCaches(bundle, 'v1', warm.parts), warm);
    assert.deepEqual(withCaches(bundle, 'v2', warm.parts), bundle);
    assert.deepEqual(withCaches(warm, 'v1', bundle.parts), warm);
  });

  it('are taken from a cell once, when it was asked, and never over their bound', () => {
    const asked: Buffer[] = [];
    const taken: (readonly Uint8Array[])[] = [];
    const script = { name: 'extension.js', role: 'extension', code: 'x' } as const;
    const spec = { memoryMiB: 64, cpuMs: 100, scripts: [script] };
    const warming = new Warming(spec, {
      ask: (payload) => asked.push(payload),
      warmed: (caches) => taken.push(caches),
    });
    const cache = Buffer.alloc(LIMITS.codeCacheBytes + LIMITS.codeCacheShare);
    assert.equal(warming.take([cache]), false);
    for (let at = 0; at < 2 * LIMITS.callsUntilWarm; at += 1) warming.called();
    assert.equal(asked.length, 1);
    assert.equal(warming.take([Buffer.alloc(cache.length + 1)]), false);
    assert.equal(warming.take([cache, cache]), false);
    assert.equal(warming.take([cache]), true);
    assert.equal(warming.take([cache]), false);
    assert.deepEqual(taken, [[Uint8Array.from(cache)]]);
  });

  it('are none that would not fit into a frame with the script, however long that is', () => {
    const code = 'x'.repeat(LIMITS.codeCacheBytesMax);
    const scripts = [{ name: 'extension.js', role: 'extension', code } as const];
    const takes = (bytes: number): boolean => {
      const powers = { ask: () => undefined, warmed: () => undefined };
      const warming = new Warming({ memoryMiB: 64, cpuMs: 100, scripts }, powers);
      for (let at = 0; at < LIMITS.callsUntilWarm; at += 1) warming.called();
      return warming.take([Buffer.alloc(bytes)]);
    };
    assert.equal(takes(LIMITS.codeCacheBytesMax), true);
    assert.equal(takes(LIMITS.codeCacheBytesMax + 1), false);
    const { bundleBytes, codeCacheBytesMax, sourceMapBytes, frameBytes } = LIMITS;
    assert.ok(bundleBytes + 2 * codeCacheBytesMax + sourceMapBytes < frameBytes);
  });
});

describe('a host that starts again', { timeout: 60_000 }, () => {
  it('serves what was changed meanwhile, and what was not without compiling it', async () => {
    await using first = await startTestHost({
      'others/same': { 'extension.ts': other("return 'same';") },
      'others/edited': { 'extension.ts': other("return 'before';") },
    });
    const settings = {
      COFFERDAM_DATA_DIR: join(first.dir, 'data'),
      COFFERDAM_EXTENSIONS: join(first.dir, 'extensions'),
    };
    for (const name of ['others/same', 'others/edited']) await first.enable(name);
    const generations = async (host: TestHost, name: string): Promise<unknown[]> =>
      (await host.request('GET', `/extensions/${name}`)).body.generations;
    const [before] = await generations(first, 'others/same');
    await first.running.stop();
    await first.write('others/edited', 'extension.ts', other("return 'after';"));
    await using second = await startTestHost({}, { settings });
    assert.equal((await second.call('others/same', 'execute')).body.result, 'same');
    assert.equal((await second.call('others/edited', 'execute')).body.result, 'after');
    // One that is compiled is put down anew, with the time of that.
    assert.deepEqual(await generations(second, 'others/same'), [before]);
    assert.equal((await generations(second, 'others/edited')).length, 2);
  });
});
