// Code caches made by the real, jailed builder, and a process with the walls of a cell that takes them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { BUILDER_MAIN, createBuilder } from '../../../host/build/builder.ts';
import { unpackPlatform } from '../../../host/build/messages.ts';
import { CELL_MAIN } from '../../../host/cells/cell.ts';
import { spawnChild } from '../../../host/jail/spawn.ts';
import { unpackBlocks } from '../../../host/protocol.ts';

/** Says for each script whether V8 took its cache. */
const PROBE = `
const ivm = require('isolated-vm');
const { readFileSync } = require('node:fs');
const isolate = new ivm.Isolate();
const took = process.argv.slice(1).map((name) => {
  const bytes = readFileSync(name + '.cache');
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  const cachedData = new ivm.ExternalCopy(copy);
  return !isolate.compileScriptSync(readFileSync(name + '.js', 'utf8'), { cachedData }).cachedDataRejected;
});
process.stdout.write(JSON.stringify(took));
`;

/** One character beyond Latin-1, and V8 keeps every one of the text in two bytes. */
const ONE_BYTE = /^[\0-\x7f]+$/;

describe('code cache', { timeout: 60_000 }, () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cofferdam-cache-'));
    await mkdir(join(dir, 'extension'));
    await writeFile(
      join(dir, 'extension/extension.ts'),
      'export default { answer: "so many…" };\n',
    );
  });
  after(() => rm(dir, { recursive: true }));

  it('of the platform and of an extension, all plain ASCII, is taken by the isolates of a cell', async () => {
    await using builder = createBuilder({
      spawnBuilder: async () =>
        spawnChild({ main: BUILDER_MAIN, read: [dir], mayStartProcesses: true }),
      modulesFor: () => [],
    });
    const { payload } = await builder.buildOwn('platform');
    const blocks = unpackBlocks(unpackPlatform(payload).greeting);
    const result = await builder.build(join(dir, 'extension'));
    assert.ok(result.ok);
    const [own] = result.bundle.parts;
    const scripts = {
      ...Object.fromEntries(
        blocks.flatMap((name, at) =>
          at % 3 === 0 ? [[String(name), [blocks[at + 1], blocks[at + 2]] as const]] : [],
        ),
      ),
      own: [own?.code, own?.cachedData] as const,
    };
    for (const [name, [code, cache]] of Object.entries(scripts)) {
      assert.match(String(code), ONE_BYTE);
      await writeFile(join(dir, `${name}.js`), code ?? '');
      await writeFile(join(dir, `${name}.cache`), cache ?? '');
    }
    const names = Object.keys(scripts).map((name) => join(dir, name));
    const program = `process.argv.push(...${JSON.stringify(names)});${PROBE}`;
    const cell = spawnChild({ main: CELL_MAIN, program, read: [dir], mayStartProcesses: false });
    let text = '';
    cell.stdout?.on('data', (chunk) => (text += chunk));
    cell.stderr?.on('data', (chunk) => (text += chunk));
    await once(cell, 'close');
    assert.deepEqual(
      JSON.parse(text),
      Object.keys(scripts).map(() => true),
    );
  });
});
