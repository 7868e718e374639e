// Attack: a file that names a source map outside of its folder, by a file: address.
// Would work: esbuild reads that map by itself, past everything that keeps imports inside, and puts what stands
// in it into the map that it makes.
// Stopped by: the words by which a file names its map, changed before esbuild sees them.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, before, it } from 'node:test';

import { FolderBuild } from '../../host/build/bundle.ts';

const MAP = JSON.stringify({ version: 3, sources: ['canary.ts'], names: [], mappings: 'AAAA' });

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cofferdam-test-'));
  await mkdir(join(dir, 'extension'));
  await writeFile(join(dir, 'outside.map'), MAP);
});
after(() => rm(dir, { recursive: true }));

async function mapOf(comment: string): Promise<string> {
  const folder = join(dir, 'extension');
  await writeFile(join(folder, 'extension.ts'), `export default function f() {}\n${comment}\n`);
  const folderBuild = new FolderBuild(folder, []);
  const result = await folderBuild.build();
  await folderBuild.dispose();
  assert.ok(result?.ok === true, JSON.stringify(result));
  return result.bundle.parts[0]?.sourceMap ?? '';
}

it('reads no map that lies outside of the file', { timeout: 30_000 }, async () => {
  const outside = join(dir, 'outside.map');
  const { href } = pathToFileURL(outside);
  for (const url of [href, href.replace('file:', 'FILE:'), outside, '../outside.map']) {
    for (const comment of [`//# sourceMappingURL=${url}`, `/*@ sourceMappingURL=${url} */`]) {
      const map = await mapOf(comment);
      assert.match(map, /"sources": \["extension.ts"\]/, comment);
    }
  }
});

it('reads one that is in the file itself', { timeout: 30_000 }, async () => {
  const url = `data:application/json;base64,${Buffer.from(MAP).toString('base64')}`;
  assert.match(await mapOf(`//# sourceMappingURL=${url}`), /canary\.ts/);
});
