// An uploaded .tgz as files in memory: plain files only, inside one folder, within the folder's bounds.
// Pure but for the parser; the installer writes what comes out.

import { Readable } from 'node:stream';
import { posix } from 'node:path';
import { createGunzip } from 'node:zlib';

import type { Parser, ReadEntry } from 'tar';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** Each file has a header before it, and padding or a long name beside it. */
const TAR_BYTES_MAX = LIMITS.folderBytes + LIMITS.folderFiles * 2_048;
/** Bytes of one name and of a path that every file system takes. */
const NAME_BYTES_MAX = 255;
const PATH_BYTES_MAX = 1_024;

/** What an archive holds; paths are relative to the extension's folder, with forward slashes. */
export type ArchiveContent = {
  /** The archive's one top folder, or '' when manifest.json lies at the top. */
  readonly top: string;
  readonly files: ReadonlyMap<string, Buffer>;
};

/**
 * Reads an archive.
 *
 * @throws {HostError} `CALLER_INPUT_INVALID` that names the entry: links, devices, absolute or climbing
 *   paths, a path twice, over `LIMITS.folderFiles`, `fileBytes`, `folderBytes` or `folderDepth`
 */
export async function readArchive(archive: Buffer): Promise<ArchiveContent> {
  const files = new Map<string, Buffer>();
  let bytes = 0;
  let entries = 0;
  // Loaded with the first archive: most hosts see none.
  const tar = await import('tar');
  const parser = new tar.Parser({ strict: true });
  parser.on('entry', (entry: ReadEntry) => {
    entries += 1;
    const problem = decideEntry(entry, entries);
    if (problem !== undefined) return parser.abort(refusal(entry.path, problem));
    const chunks: Buffer[] = [];
    entry.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > LIMITS.folderBytes) {
        parser.abort(refusal(entry.path, `the files are over ${LIMITS.folderBytes} bytes in all`));
      }
      chunks.push(chunk);
    });
    entry.on('end', () => {
      if (entry.type === 'Directory') return;
      const path = posix.normalize(entry.path);
      if (files.has(path)) return parser.abort(refusal(path, 'it stands in the archive twice'));
      files.set(path, Buffer.concat(chunks));
    });
  });
  try {
    await parse(parser, bounded(Readable.from(slices(archive)).pipe(createGunzip())));
  } catch (error) {
    if (error instanceof HostError) throw error;
    const why = error instanceof Error ? error.message.slice(0, 200) : 'not readable';
    throw new HostError('CALLER_INPUT_INVALID', `The archive is not a readable .tgz: ${why}`, {
      remedy: 'Make it with "npx cofferdam pack"',
      cause: error,
    });
  }
  assertTree(files);
  return stripTop(files);
}

/** A file cannot be a folder as well, and needs a name. */
function assertTree(files: ReadonlyMap<string, Buffer>): void {
  for (const path of files.keys()) {
    if (/(?:^|\/)\.?$/.test(path)) throw refusal(path, 'it has no name');
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      const folder = path.slice(0, at);
      if (files.has(folder)) throw refusal(folder, 'it is a file and a folder at once');
    }
  }
}

/**
 * Hands the bytes to the parser, which keeps none of them back: entries are taken in as they come. As the
 * end of a pipeline it would stop for ever at what lies behind the end of the archive.
 */
async function parse(parser: Parser, chunks: AsyncIterable<Buffer>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Thrown below, whichever write it came from.
  promise.catch(() => undefined);
  let [isBroken, isOver] = [false, false];
  parser
    .on('end', resolve)
    .on('eof', () => (isOver = true))
    .on('error', (error: Error) => {
      isBroken = true;
      reject(error);
    });
  for await (const chunk of chunks) {
    parser.write(chunk);
    // What lies behind the end is for nobody.
    if (isBroken || isOver) break;
  }
  if (!isBroken) parser.end();
  await promise;
}

/** A few KB may claim to be gigabytes: what is between and behind the files counts as well. */
async function* bounded(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > TAR_BYTES_MAX) {
      throw new HostError(
        'CALLER_INPUT_INVALID',
        `The archive is over ${TAR_BYTES_MAX} bytes once it is decompressed`,
        { remedy: 'Make it with "npx cofferdam pack"' },
      );
    }
    yield chunk;
  }
}

function* slices(archive: Buffer): Generator<Buffer> {
  for (let at = 0; at < archive.length; at += LIMITS.streamChunkBytes) {
    yield archive.subarray(at, at + LIMITS.streamChunkBytes);
  }
}

function decideEntry(entry: ReadEntry, count: number): string | undefined {
  const { path, type, size } = entry;
  if (count > LIMITS.folderFiles) return `the archive has over ${LIMITS.folderFiles} entries`;
  if (type !== 'File' && type !== 'OldFile' && type !== 'Directory') {
    return `it is a ${type}: only plain files are taken`;
  }
  if (size > LIMITS.fileBytes) return `it is over ${LIMITS.fileBytes} bytes`;
  if (
    path.startsWith('/') ||
    path.includes('\\') ||
    /^[A-Za-z]:/.test(path) ||
    path.includes('\0')
  ) {
    return 'its path is not relative';
  }
  const parts = path.split('/');
  if (parts.includes('..')) return 'its path leaves the folder';
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) return `its path is over ${PATH_BYTES_MAX} bytes`;
  if (parts.some((part) => Buffer.byteLength(part) > NAME_BYTES_MAX)) {
    return `a name in its path is over ${NAME_BYTES_MAX} bytes`;
  }
  if (parts.length > LIMITS.folderDepth) return `it lies over ${LIMITS.folderDepth} folders deep`;
  return undefined;
}

function stripTop(files: ReadonlyMap<string, Buffer>): ArchiveContent {
  if (files.has('manifest.json')) return { top: '', files };
  const tops = new Set([...files.keys()].map((path) => path.split('/')[0] ?? ''));
  const [top = ''] = tops;
  if (tops.size !== 1 || !files.has(`${top}/manifest.json`)) {
    throw new HostError('CALLER_INPUT_INVALID', 'The archive holds no manifest.json', {
      remedy: 'Pack the folder of one extension: npx cofferdam pack <folder>',
    });
  }
  return {
    top,
    files: new Map([...files].map(([path, content]) => [path.slice(top.length + 1), content])),
  };
}

function refusal(path: string, problem: string): HostError {
  const name = path.slice(0, 200);
  return new HostError(
    'CALLER_INPUT_INVALID',
    `Cannot take "${name}" from the archive: ${problem}`,
    {
      details: { entry: name },
    },
  );
}
