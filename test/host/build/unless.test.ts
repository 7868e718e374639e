// A folder is compiled only when something that its bundle could be made of has changed.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { FolderBuild } from '../../../host/build/bundle.ts';
import type { Bundle } from '../../../host/build/build.ts';

describe('a build that may be left out', { timeout: 60_000 }, () => {
  let folder: string;
  let known: Bundle;
  const build = async (source?: string): ReturnType<FolderBuild['build']> => {
    const folderBuild = new FolderBuild(folder, []);
    const result = await folderBuild.build(source);
    await folderBuild.dispose();
    return result;
  };
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
  const built = async (source?: string): Promise<Bundle> => {
    const result = await build(source);
    assert.ok(result?.ok === true, JSON.stringify(result));
    return result.bundle;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cofferdam-test-'));
    await write('extension.ts', 'import { word } from "./word.ts"; export default word;');
    await write('word.ts', 'export const word = "one";');
    known = await built();
  });
  after(() => rm(folder, { recursive: true }));

  it('is left out while the files are the same, however often they were written', async () => {
    assert.equal(await build(known.source), undefined);
    await write('word.ts', 'export const word = "one";');
    await utimes(join(folder, 'word.ts'), 1, 1);
    assert.equal(await build(known.source), undefined);
  });

  it('is made after a change, even when a file of that name was not there before', async () => {
    await write('word.ts', 'export const word = "two";');
    const changed = await built(known.source);
    assert.notEqual(changed.hash, known.hash);
    await write('other.ts', 'export {};');
    const wider = await built(changed.source);
    assert.equal(wider.hash, changed.hash);
    assert.notEqual(wider.source, changed.source);
  });

  it('is made when npm has installed something', async () => {
    await write('package.json', '{"dependencies":{"some":"1.0.0"}}');
    await mkdir(join(folder, 'node_modules'));
    await write('node_modules/.package-lock.json', '{}');
    const { source } = await built();
    assert.equal(await build(source), undefined);
    await write('node_modules/.package-lock.json', '{"packages":{}}');
    assert.notEqual((await built(source)).source, source);
  });

  it('is made when it failed before: what is wrong is said again', async () => {
    await write('extension.ts', 'export default ;');
    for (let at = 0; at < 2; at += 1) assert.equal((await build(known.source))?.ok, false);
  });
});
