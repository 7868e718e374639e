// Where an npm package of an extension lies and which of its files a specifier means.
// Looks only into the node_modules folders it is given, follows no link, runs nothing.

import { lstat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

import { exports as resolveExports, imports as resolveImports, legacy } from 'resolve.exports';

import { LIMITS } from '../limits.ts';
import { FolderError, openPlain } from './snapshot.ts';

/** A package on disk. `top` is the outermost node_modules folder it may look into. */
type Package = {
  readonly folder: string;
  readonly top: string;
  readonly manifest: Record<string, unknown>;
};

/** A file of a package, or nothing: the package says that it does not exist in browsers. */
export type Resolved = PackageFile | { readonly empty: true };

/** A file and the package that it is of. */
export type PackageFile = {
  readonly path: string;
  /** From node_modules on: a bundle names its modules to the code in it. Unique within a build */
  readonly name: string;
  readonly package: Package;
};

/** How a file asks: `import` statement or `require()`. */
export type ImportKind = 'import' | 'require';

const CONDITIONS = ['workerd', 'worker', 'browser', 'module', 'default'];
const SUFFIXES = ['', '.js', '.mjs', '.cjs', '.json', '/index.js', '/index.mjs', '/index.json'];
const FILE = /\.(?:[cm]?js|json)$/;

/** Resolves specifiers of one build; remembers what it looked at until it is dropped. */
export class Packages {
  readonly #tops: readonly string[];
  readonly #packages = new Map<string, Promise<Package | undefined>>();
  readonly #folders = new Map<string, Promise<boolean>>();

  /** @param tops node_modules folders in which an extension's own dependencies are looked for */
  constructor(tops: readonly string[]) {
    this.#tops = tops;
  }

  /** The file that `specifier` means in the author's own code. @throws {FolderError} */
  async resolveOwn(specifier: string, kind: ImportKind): Promise<Resolved> {
    const { name, entry } = splitSpecifier(specifier);
    for (const top of this.#tops) {
      const found = await this.#package(join(top, name), top);
      if (found !== undefined) return this.#entry(found, entry, kind);
    }
    throw new FolderError(
      'package.json',
      `Package "${name}" is not installed beside the extension: run npm install in its folder`,
    );
  }

  /** The file that `specifier` means in a file of a package. @throws {FolderError} */
  async resolveInner(
    specifier: string,
    from: Pick<PackageFile, 'path' | 'package'>,
    kind: ImportKind,
  ): Promise<Resolved> {
    const owner = from.package;
    const replaced = browserValue(owner, from.path, specifier);
    if (replaced === false) return { empty: true };
    const wanted = replaced ?? specifier;
    if (wanted.startsWith('.')) {
      const base = replaced === undefined ? dirname(from.path) : owner.folder;
      return this.#file(owner, join(base, wanted), wanted);
    }
    if (wanted.startsWith('#')) {
      const [target] = attempt(() =>
        resolveImports(owner.manifest, wanted, { conditions: conditionsFor(kind), unsafe: true }),
      );
      if (target?.startsWith('.') === true) {
        return this.#file(owner, join(owner.folder, target), wanted);
      }
      if (target !== undefined) return this.#bare(target, owner, kind);
      throw new FolderError(this.#label(owner), `It has no import "${wanted}"`);
    }
    return this.#bare(wanted, owner, kind);
  }

  async #bare(specifier: string, owner: Package, kind: ImportKind): Promise<Resolved> {
    const { name, entry } = splitSpecifier(specifier);
    if (name === owner.manifest['name']) return this.#entry(owner, entry, kind);
    for (const modules of modulesAbove(owner)) {
      const found = await this.#package(join(modules, name), owner.top);
      if (found !== undefined) return this.#entry(found, entry, kind);
    }
    throw new FolderError(this.#label(owner), `It needs "${specifier}", which is not installed`);
  }

  async #entry(found: Package, entry: string, kind: ImportKind): Promise<Resolved> {
    const { manifest, folder } = found;
    if (manifest['exports'] !== undefined) {
      const [target] = attempt(() =>
        resolveExports(manifest, entry, { conditions: conditionsFor(kind), unsafe: true }),
      );
      if (target === undefined) {
        throw new FolderError(
          this.#label(found),
          `It offers no "${entry}" to browsers or workers: choose a package that speaks fetch`,
        );
      }
      return this.#file(found, join(folder, target), target);
    }
    if (entry !== '.') {
      const replaced = browserValue(found, join(folder, 'package.json'), entry);
      if (replaced === false) return { empty: true };
      return this.#file(found, join(folder, replaced ?? entry), entry);
    }
    // A `browser` map replaces files of the package; only a text names its entry.
    const fields = typeof manifest['browser'] === 'string' ? ['browser'] : ['module', 'main'];
    const main = attempt(() => {
      const picked = legacy(manifest, { browser: false, fields });
      return typeof picked === 'string' ? [picked] : [];
    })[0];
    return this.#file(found, join(folder, main ?? 'index.js'), main ?? 'index.js');
  }

  /** The first of the usual spellings that is a plain file inside the package. */
  async #file(owner: Package, path: string, wanted: string): Promise<Resolved> {
    if (!isInside(owner.folder, path)) {
      throw new FolderError(this.#label(owner), `"${wanted}" lies outside its package`);
    }
    const found = await this.#spelled(owner, path);
    if (found === undefined) throw this.#noFile(owner, wanted);
    const replaced = browserValue(owner, found, undefined);
    if (replaced === false) return { empty: true };
    if (replaced === undefined) return this.#resolved(owner, found);
    // A stranger's word like the path itself: it may lead anywhere.
    const final = await this.#spelled(owner, join(owner.folder, replaced));
    if (final === undefined) throw this.#noFile(owner, replaced);
    return this.#resolved(owner, final);
  }

  async #spelled(owner: Package, path: string): Promise<string | undefined> {
    for (const suffix of SUFFIXES) {
      const candidate = path + suffix;
      if (FILE.test(candidate) && (await this.#isPlain(owner, candidate))) return candidate;
    }
    return undefined;
  }

  #resolved(owner: Package, path: string): PackageFile {
    const up = '../'.repeat(this.#tops.indexOf(owner.top));
    const inside = relative(owner.top, path).split(sep).join('/');
    return { path, name: `${up}node_modules/${inside}`, package: owner };
  }

  #noFile(owner: Package, wanted: string): FolderError {
    return new FolderError(this.#label(owner), `It has no file "${wanted}"`);
  }

  /** A regular file with no link on the way from the outermost node_modules. */
  async #isPlain(owner: Package, path: string): Promise<boolean> {
    if (!isInside(owner.folder, path)) return false;
    if (!(await this.#foldersArePlain(owner.top, dirname(path)))) return false;
    const stat = await lstat(path).catch(() => undefined);
    return stat?.isFile() === true;
  }

  async #foldersArePlain(top: string, folder: string): Promise<boolean> {
    const known = this.#folders.get(folder);
    if (known !== undefined) return known;
    const look = (async () => {
      if (folder !== top && !(await this.#foldersArePlain(top, dirname(folder)))) return false;
      const stat = await lstat(folder).catch(() => undefined);
      return stat?.isDirectory() === true;
    })();
    this.#folders.set(folder, look);
    return look;
  }

  async #package(folder: string, top: string): Promise<Package | undefined> {
    const known = this.#packages.get(folder);
    if (known !== undefined) return known;
    const reading = this.#readPackage(folder, top);
    this.#packages.set(folder, reading);
    return reading;
  }

  async #readPackage(folder: string, top: string): Promise<Package | undefined> {
    const stat = await lstat(folder).catch(() => undefined);
    if (stat === undefined) return undefined;
    const label = `node_modules/${relative(top, folder)}`;
    if (stat.isSymbolicLink() || !(await this.#foldersArePlain(top, folder))) {
      throw new FolderError(label, 'It is a symbolic link: install it as plain files with npm');
    }
    const text = await readFile(join(folder, 'package.json'), label);
    const manifest: unknown = attempt(() => [JSON.parse(text) as unknown])[0];
    if (typeof manifest !== 'object' || manifest === null) {
      throw new FolderError(label, 'Its package.json is not valid JSON');
    }
    return { folder, top, manifest: manifest as Record<string, unknown> };
  }

  #label({ folder, top }: Package): string {
    return `node_modules/${relative(top, folder)}`;
  }
}

/** Reads a file of a package. @throws {FolderError} */
export async function readFile(path: string, label: string): Promise<string> {
  const file = await openPlain(path, label);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new FolderError(label, 'It is not a regular file');
    if (stat.size > LIMITS.fileBytes) {
      throw new FolderError(label, `A file of it is over ${LIMITS.fileBytes} bytes`);
    }
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** `@scope/name/sub/path` → name and `./sub/path` (or `.`). */
function splitSpecifier(specifier: string): { name: string; entry: string } {
  const parts = specifier.split('/');
  const length = specifier.startsWith('@') ? 2 : 1;
  const rest = parts.slice(length).join('/');
  return { name: parts.slice(0, length).join('/'), entry: rest === '' ? '.' : `./${rest}` };
}

/** What the package's `browser` map puts in place of a file or a module; false: nothing. */
function browserValue(
  { manifest, folder }: Package,
  from: string,
  specifier: string | undefined,
): string | false | undefined {
  const map = manifest['browser'];
  if (typeof map !== 'object' || map === null) return undefined;
  const path =
    specifier === undefined
      ? from
      : specifier.startsWith('.')
        ? join(dirname(from), specifier)
        : '';
  const keys = path === '' ? [specifier ?? ''] : spellings(`./${relative(folder, path)}`);
  for (const key of keys) {
    if (!Object.hasOwn(map, key)) continue;
    const value = (map as Record<string, unknown>)[key];
    if (value === false || typeof value === 'string') return value;
  }
  return undefined;
}

function spellings(path: string): string[] {
  const plain = path.split(sep).join('/');
  return SUFFIXES.map((suffix) => plain + suffix);
}

/** node_modules folders from the package's own up to the outermost. */
function modulesAbove({ folder, top }: Package): string[] {
  const found: string[] = [];
  for (let at = folder; isInside(top, at); at = dirname(at)) {
    found.push(at.endsWith(`${sep}node_modules`) ? at : join(at, 'node_modules'));
    if (at === top) break;
  }
  return found;
}

function isInside(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

function conditionsFor(kind: ImportKind): string[] {
  return [...CONDITIONS, kind];
}

function attempt<T>(run: () => T[] | void): T[] {
  try {
    return run() ?? [];
  } catch (error) {
    // resolve.exports and JSON.parse throw plain errors for what a package does not offer.
    if (error instanceof Error) return [];
    throw error;
  }
}
