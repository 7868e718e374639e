// Which extensions exist: folders `<root>/<category>/<name>` over several roots, with their manifests.
// Reads directories and manifest.json only, follows no link, runs nothing. One bad folder hides no other.

import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Problem } from '../build/build.ts';
import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { CATEGORIES } from './categories.ts';
import type { Category } from './categories.ts';
import { parseManifest } from './manifest.ts';
import { isExtensionName, nameKey } from './names.ts';
import type { Manifest } from '../../sdk/manifest.ts';

/** One extension folder. `manifest` is absent when it is not valid; `problems` says why. */
export type CatalogEntry = {
  readonly category: Category;
  /** The folder's name, as URLs are printed. */
  readonly name: string;
  readonly folder: string;
  readonly root: string;
  readonly manifest?: Manifest;
  readonly problems: readonly Problem[];
};

/** Finds and remembers extension folders. Earlier roots win where two hold the same name. */
export class Catalog {
  readonly #roots: readonly string[];
  #entries = new Map<string, CatalogEntry>();
  #scanning: Promise<void> | undefined;
  #scanned = false;

  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  get roots(): readonly string[] {
    return this.#roots;
  }

  /** Reads all roots again. Concurrent callers share one reading. */
  async scan(): Promise<void> {
    this.#scanning ??= this.#readRoots().finally(() => {
      this.#scanning = undefined;
    });
    await this.#scanning;
  }

  /** All entries, by category in its fixed order, then by name. */
  async entries(): Promise<readonly CatalogEntry[]> {
    if (!this.#scanned) await this.scan();
    return [...this.#entries.values()];
  }

  /** Reads one folder again; an entry that is gone is dropped. */
  async refresh(category: Category, name: string): Promise<CatalogEntry | undefined> {
    const key = `${category}/${nameKey(name)}`;
    for (const root of this.#roots) {
      const folder = this.#entries.get(key)?.name ?? name;
      const entry = await readEntry(root, category, folder);
      if (entry === undefined) continue;
      this.#entries.set(key, entry);
      return entry;
    }
    this.#entries.delete(key);
    return undefined;
  }

  /**
   * The entry that a URL means: case, hyphens and underscores do not matter.
   *
   * @throws {HostError} `CALLER_CATEGORY_UNKNOWN`, `CALLER_NOT_FOUND`
   */
  async find(category: string, name: string): Promise<CatalogEntry> {
    const known = parseCategory(category);
    if (!this.#scanned) await this.scan();
    const entry = this.#entries.get(`${known}/${nameKey(name)}`) ?? (await this.#look(known, name));
    if (entry !== undefined) return entry;
    throw new HostError('CALLER_NOT_FOUND', `Extension ${category}/${name} not found`, {
      remedy: `List the extensions of "${known}" to see their names`,
    });
  }

  /** What a URL names, in the words that are printed where they are known. */
  subject({
    category,
    name,
    instance,
  }: {
    readonly category: string;
    readonly name: string;
    readonly instance?: string;
  }): string {
    const known = this.#entries.get(`${category.toLowerCase()}/${nameKey(name)}`);
    const extension = known === undefined ? [category, name] : [known.category, known.name];
    return [...extension, ...(instance === undefined ? [] : [instance])].join('/');
  }

  /** A folder that came after the last reading; only a name that can be a folder's reaches the disk. */
  async #look(category: Category, name: string): Promise<CatalogEntry | undefined> {
    const folder = name.toLowerCase();
    return isExtensionName(folder) ? this.refresh(category, folder) : undefined;
  }

  async #readRoots(): Promise<void> {
    const found = new Map<string, CatalogEntry>();
    for (const category of CATEGORIES) {
      for (const root of this.#roots) {
        for (const name of await readFolders(join(root, category))) {
          const key = `${category}/${nameKey(name)}`;
          if (found.has(key) || found.size >= LIMITS.extensions) continue;
          const entry = await readEntry(root, category, name);
          if (entry !== undefined) found.set(key, entry);
        }
      }
    }
    this.#entries = found;
    this.#scanned = true;
  }
}

/** @throws {HostError} `CALLER_CATEGORY_UNKNOWN` with the words the seed's API uses */
export function parseCategory(text: string): Category {
  const category = CATEGORIES.find((known) => known === text.toLowerCase());
  if (category !== undefined) return category;
  const all = CATEGORIES.join(', ');
  throw new HostError('CALLER_CATEGORY_UNKNOWN', `Invalid category. Must be one of: ${all}`);
}

async function readFolders(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    // A symbolic link is not a directory here: links are never followed.
    const folders = entries.filter((entry) => entry.isDirectory() && isExtensionName(entry.name));
    return folders.map(({ name }) => name).toSorted();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // A root without this category is fine; so is one that was removed while the host runs.
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

async function readEntry(
  root: string,
  category: Category,
  name: string,
): Promise<CatalogEntry | undefined> {
  const folder = join(root, category, name);
  const stat = await lstat(folder).catch(() => undefined);
  if (stat === undefined || !stat.isDirectory()) return undefined;
  const base = { category, name, folder, root };
  try {
    const text = await readManifest(join(folder, 'manifest.json'));
    const result = parseManifest(text, category);
    return result.ok
      ? { ...base, manifest: result.manifest, problems: [] }
      : { ...base, problems: result.problems };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    return { ...base, problems: [unreadable(code)] };
  }
}

async function readManifest(path: string): Promise<string> {
  // Without O_NONBLOCK a fifo in place of the file would hold the listing up for ever.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw Object.assign(new Error('not a file'), { code: 'EISDIR' });
    if (stat.size > LIMITS.manifestBytes) throw Object.assign(new Error('big'), { code: 'EFBIG' });
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'The file does not exist: every extension has one',
  ELOOP: 'The file is a symbolic link: put the file itself here',
  EISDIR: 'It is not a regular file',
  EFBIG: `The file is over ${LIMITS.manifestBytes} bytes`,
  EACCES: 'The host may not read the file',
};

function unreadable(code: string): Problem {
  const message = UNREADABLE[code] ?? `Cannot read the file: ${code || 'unknown error'}`;
  return { file: 'manifest.json', line: 0, column: 0, message };
}
