// Archives that were not made by `cofferdam pack`: each is read or refused, and none is waited for.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

import { Header } from 'tar';

import { readArchive } from '../../../host/catalog/archive.ts';

type Entry = {
  readonly path: string;
  readonly body?: Buffer;
  readonly type?: 'File' | 'SymbolicLink' | 'ExtendedHeader';
};

const MANIFEST: Entry = { path: 'x/manifest.json', body: Buffer.from('{}') };
const END = Buffer.alloc(1_024);

function tarOf(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(({ path, body = Buffer.alloc(0), type = 'File' }) => {
    const header = Buffer.alloc(512);
    const link = type === 'SymbolicLink' ? { linkpath: 'to' } : {};
    new Header({
      path,
      type,
      size: body.length,
      mode: 0o644,
      ...link,
      mtime: new Date(0),
    }).encode(header);
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat(parts);
}

const read = (...parts: Buffer[]): ReturnType<typeof readArchive> =>
  readArchive(gzipSync(Buffer.concat(parts)));
const refusedFor = (why: RegExp) => (error: Error & { code?: string }) =>
  error.code === 'CALLER_INPUT_INVALID' && why.test(error.message);

describe('an archive', { timeout: 10_000 }, () => {
  it('ends where it says so, whatever lies behind', async () => {
    const { files } = await read(tarOf([MANIFEST]), END, Buffer.alloc(30_000_000));
    assert.deepEqual([...files.keys()], ['manifest.json']);
  });

  it('may end without saying so', async () => {
    const { files } = await read(tarOf([MANIFEST]));
    assert.deepEqual([...files.keys()], ['manifest.json']);
  });

  it('is refused when a few kilobytes of it become too many', async () => {
    const body = Buffer.alloc(900_000, 'a');
    const names = Array.from({ length: 100 }, (): Entry => ({
      path: 'n',
      body,
      type: 'ExtendedHeader',
    }));
    await assert.rejects(
      read(tarOf([...names, MANIFEST]), END),
      refusedFor(/once it is decompressed/),
    );
  });

  for (const [why, path] of [
    ['a file and a folder at once', 'x/manifest.json/more'],
    ['no name', '.'],
    ['stands in the archive twice', 'x/./manifest.json'],
    ['leaves the folder', 'x/../../etc/passwd'],
    ['not relative', '/etc/passwd'],
    ['over 255 bytes', `x/${'n'.repeat(256)}`],
  ] as const) {
    it(`is refused when a path in it is ${why}`, async () => {
      const long = Buffer.from(`path=${path}\n`);
      const size = String(long.length + 4).length;
      const record = Buffer.concat([Buffer.from(`${long.length + size + 1} `), long]);
      // A long path is told in an entry before its own.
      const entries: Entry[] =
        path.length > 99
          ? [{ path: 'p', body: record, type: 'ExtendedHeader' }, { path: 'x/n' }]
          : [{ path }];
      await assert.rejects(read(tarOf([MANIFEST, ...entries]), END), refusedFor(new RegExp(why)));
    });
  }

  it('is refused with a link in it', async () => {
    const link: Entry = { path: 'x/link', type: 'SymbolicLink' };
    await assert.rejects(read(tarOf([MANIFEST, link]), END), refusedFor(/only plain files/));
  });

  it('is refused when it is cut off', async () => {
    const whole = gzipSync(tarOf([MANIFEST]));
    await assert.rejects(readArchive(whole.subarray(0, -9)), refusedFor(/not a readable/));
  });
});
