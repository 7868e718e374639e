// Source maps: how long one may be, and that the host reads one once for all instances.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import type { BundlePart } from '../../../host/build/build.ts';
import { FolderBuild } from '../../../host/build/bundle.ts';
import { createStackMapper } from '../../../host/lifecycle/compiled.ts';
import { LIMITS } from '../../../host/limits.ts';

/** The script of an extension that is a list of so many names, each with a place in the map. */
async function build(names: number): Promise<BundlePart> {
  const folder = await mkdtemp(join(tmpdir(), 'cofferdam-test-'));
  const text = `declare const a: number;\nexport default () => [${'a,'.repeat(names)}];`;
  await writeFile(join(folder, 'extension.ts'), text);
  const folderBuild = new FolderBuild(folder, []);
  const result = await folderBuild.build();
  await folderBuild.dispose();
  await rm(folder, { recursive: true });
  const [part] = result?.ok === true ? result.bundle.parts : [];
  assert.ok(part !== undefined, JSON.stringify(result));
  return part;
}

const STACK = 'Error: no\n    at f (extension.js:2:4)';

describe('a source map', { timeout: 60_000 }, () => {
  it('is kept up to its bound, and a longer one left out', async () => {
    const [short, long] = await Promise.all([build(90_000), build(120_000)]);
    assert.ok((short.sourceMap?.length ?? 0) > LIMITS.sourceMapBytes * 0.7);
    assert.equal(long.sourceMap, undefined);
    const bundle = { hash: '', inputs: [], source: '', parts: [long] };
    assert.equal(createStackMapper(bundle)(STACK), 'Error: no');
  });

  it('is read once for all instances of a generation', () => {
    let reads = 0;
    const map = { version: 3, sources: ['extension.ts'], names: [], mappings: ';AAAA' };
    const part: BundlePart = {
      role: 'extension',
      hash: '',
      code: '',
      get sourceMap() {
        reads += 1;
        return JSON.stringify(map);
      },
    };
    const bundle = { hash: '', inputs: [], source: '', parts: [part] };
    const expected = 'Error: no\n    at f (extension.ts:1:1)';
    assert.equal(createStackMapper(bundle)(STACK), expected);
    const before = reads;
    assert.equal(createStackMapper(bundle)(STACK), expected);
    assert.equal(reads - before, 1);
  });
});
