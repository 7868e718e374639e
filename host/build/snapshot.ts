// The author's own files of one extension folder, read into memory without following any link.
// Called by the builder before each build; unchanged files are not read again.

import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { LIMITS } from '../limits.ts';
import type { Problem } from './build.ts';

/** One file: its bytes and what tells that it changed. */
export type SourceFile = { readonly bytes: Buffer; readonly stamp: string };

/** Files by path relative to the folder, with forward slashes. */
export type Snapshot = ReadonlyMap<string, SourceFile>;

/** Thrown for a folder that cannot be taken as it is. */
export class FolderError extends Error {
  readonly problem: Problem;

  constructor(file: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = { file, line: 0, column: 0, message };
  }
}

/** Files that a bundle can hold; everything else in a folder is left unread. */
const SOURCE = /\.(?:[cm]?[jt]s|json|txt|md|html|css|svg)$/;
const SKIPPED_FOLDERS = new Set(['node_modules']);

/**
 * Reads a folder.
 *
 * @param before The last snapshot of the same folder; files with the same stamp are taken from it
 * @throws {FolderError} When a file is a link or a bound is broken
 */
export async function readSnapshot(folder: string, before?: Snapshot): Promise<Snapshot> {
  const files = new Map<string, SourceFile>();
  const pending = [{ path: '', depth: 0 }];
  let bytes = 0;
  let seen = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, depth } = next;
    if (depth > LIMITS.folderDepth) {
      throw new FolderError(path, `Folders are nested over ${LIMITS.folderDepth} deep`);
    }
    for (const entry of await readdir(join(folder, path), { withFileTypes: true })) {
      seen += 1;
      if (seen > LIMITS.folderFiles) {
        throw new FolderError(path, `The folder holds over ${LIMITS.folderFiles} files`);
      }
      const name = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) {
        const skipped = SKIPPED_FOLDERS.has(entry.name) || entry.name.startsWith('.');
        if (!skipped) pending.push({ path: name, depth: depth + 1 });
      } else if (SOURCE.test(entry.name)) {
        const file = await readSource(folder, name, before?.get(name));
        bytes += file.bytes.length;
        if (bytes > LIMITS.folderBytes) {
          throw new FolderError(name, `The folder's files are over ${LIMITS.folderBytes} bytes`);
        }
        files.set(name, file);
      }
    }
  }
  return files;
}

async function readSource(
  folder: string,
  name: string,
  before: SourceFile | undefined,
): Promise<SourceFile> {
  const file = await openPlain(join(folder, name), name);
  try {
    const stat = await file.stat({ bigint: true });
    if (!stat.isFile()) throw new FolderError(name, 'It is not a regular file');
    if (stat.size > LIMITS.fileBytes) {
      throw new FolderError(name, `The file is over ${LIMITS.fileBytes} bytes`);
    }
    const stamp = `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
    if (before?.stamp === stamp) return before;
    return { bytes: await file.readFile(), stamp };
  } finally {
    await file.close();
  }
}

/** Opens a file that is no link; a fifo does not block. @throws {FolderError} */
export async function openPlain(path: string, name: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ELOOP') {
      throw new FolderError(name, 'It is a symbolic link: put the file itself into the folder');
    }
    throw new FolderError(name, `Cannot read the file: ${code}`);
  }
}
