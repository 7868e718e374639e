// Own builds that are kept between starts: taken only when they are whole, ours, and of these very files.

import assert from 'node:assert/strict';
import {
  chmod,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { BUILDER_MAIN } from '../../../host/build/builder.ts';
import { keepOwn } from '../../../host/build/kept.ts';
import { CELL_MAIN } from '../../../host/cells/cell.ts';
import { APP_FOLDER, spawnChild } from '../../../host/jail/spawn.ts';

describe('a kept build', { timeout: 60_000 }, () => {
  let root: string;
  let made: number;
  const errors: unknown[] = [];
  const file = (): string => join(root, 'cache', 'platform.kept');
  /** The content of both inputs, built when nothing kept can be taken. */
  const take = async (nowMs = Date.now() + 60_000): Promise<string> => {
    const powers = {
      root,
      file: file(),
      nowMs: () => nowMs,
      onError: (e: unknown) => errors.push(e),
    };
    const bytes = await keepOwn(powers, async () => {
      made += 1;
      const inputs = ['a.ts', 'b.ts'];
      const texts = await Promise.all(inputs.map((name) => readFile(join(root, name), 'utf8')));
      return { payload: Buffer.from(texts.join('+')), inputs };
    });
    return bytes.toString();
  };
  const write = (name: string, text: string): Promise<void> => writeFile(join(root, name), text);

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'cofferdam-kept-'));
    made = 0;
    errors.length = 0;
    await write('a.ts', 'a');
    await write('b.ts', 'b');
    assert.equal(await take(), 'a+b');
  });
  afterEach(() => rm(root, { recursive: true }));

  it('is taken while its inputs are the same', async () => {
    await write('a.ts', 'a');
    assert.deepEqual([await take(), made, errors], ['a+b', 1, []]);
    assert.deepEqual(await readdir(join(root, 'cache')), ['platform.kept']);
  });

  it('is made again when an input differs, or is gone', async () => {
    await write('b.ts', 'c');
    assert.deepEqual([await take(), await take(), made], ['a+c', 'a+c', 2]);
    await rename(join(root, 'b.ts'), join(root, 'd.ts'));
    await assert.rejects(take(), { code: 'ENOENT' });
    assert.equal(made, 3);
  });

  it('is made again when a byte of it differs, wherever that lies', async () => {
    const good = await readFile(file());
    for (let at = 0; at < good.length; at += 1) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 1;
      await writeFile(file(), bad);
      assert.equal(await take(), 'a+b');
      assert.equal(made, 2 + at, `byte ${at}`);
    }
    assert.deepEqual(await readFile(file()), good);
  });

  it('is made again when it is cut off at any byte', async () => {
    const good = await readFile(file());
    for (let length = 0; length < good.length; length += 1) {
      await writeFile(file(), good.subarray(0, length));
      assert.equal(await take(), 'a+b');
      assert.equal(made, 2 + length, `${length} bytes`);
    }
  });

  it('is made again when others may write it, or it is a link', async () => {
    await chmod(file(), 0o666);
    assert.deepEqual([await take(), made], ['a+b', 2]);
    await rename(file(), join(root, 'elsewhere'));
    await symlink(join(root, 'elsewhere'), file());
    assert.deepEqual([await take(), made], ['a+b', 3]);
    assert.deepEqual([await take(), made, errors.length], ['a+b', 3, 2]);
  });

  it('is left out when an input changed while it was built', async () => {
    await rm(file());
    assert.equal(await take(0), 'a+b');
    await assert.rejects(readFile(file()), { code: 'ENOENT' });
  });

  it('is left out, and the build is as good, where nothing can be written', async () => {
    await rm(join(root, 'cache'), { recursive: true });
    await write('cache', 'a file');
    assert.deepEqual([await take(), made, errors.length], ['a+b', 2, 2]);
  });

  it('is out of the reach of cells and builders', async () => {
    const folder = join(APP_FOLDER, 'node_modules', '.cache', 'cofferdam');
    const program = `
      const fs = require('node:fs');
      const tries = [
        () => fs.writeFileSync(${JSON.stringify(join(folder, 'platform.kept'))}, ''),
        () => fs.writeFileSync(${JSON.stringify(join(folder, 'other'))}, ''),
        () => fs.mkdirSync(${JSON.stringify(join(folder, 'another'))}),
      ];
      const codes = tries.map((each) => { try { return each() ?? 'done' } catch (error) { return error.code } });
      process.stdout.write(codes.join(' '));
    `;
    for (const spec of [
      { main: CELL_MAIN, mayStartProcesses: false },
      { main: BUILDER_MAIN, mayStartProcesses: true },
    ]) {
      const child = spawnChild({ ...spec, program, read: [] });
      let text = '';
      for await (const chunk of child.stdout ?? []) text += chunk;
      assert.match(text, /^(?:(?:EACCES|ERR_ACCESS_DENIED) ?){3}$/, text);
    }
  });
});
