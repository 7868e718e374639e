// Puts an uploaded extension into its folder, or takes one away: whole or not at all.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { readArchive } from '../catalog/archive.ts';
import type { Catalog, CatalogEntry } from '../catalog/catalog.ts';
import type { Category } from '../catalog/categories.ts';
import { parseManifest } from '../catalog/manifest.ts';
import { isExtensionName, nameKey } from '../catalog/names.ts';
import { HostError } from '../errors.ts';

/** An archive that can be installed: its files in memory, and the folder that they belong in. */
export type Upload = {
  readonly category: Category;
  readonly name: string;
  /** SHA-256 of the archive, hex */
  readonly sha256: string;
  readonly files: ReadonlyMap<string, Buffer>;
};

/** Installs and removes extension folders. */
export type Installer = {
  /** @throws {HostError} `CALLER_INPUT_INVALID`, `EXTENSION_MANIFEST_INVALID` */
  read(archive: Buffer): Promise<Upload>;
  /** @throws {HostError} `CALLER_CONFLICT` when an extension of another root has the name */
  assertFree(upload: Upload): Promise<void>;
  /** Makes the folder anew. */
  place(upload: Upload): Promise<CatalogEntry>;
  /** The archive of this store that the folder was made from; undefined when it was not made from one. */
  digest(category: Category, name: string): Promise<string | undefined>;
  /** @throws {HostError} `CALLER_UNSUPPORTED` for a folder that was not installed here */
  remove(entry: CatalogEntry): Promise<void>;
};

/**
 * @param root Where installed extensions live; one of the catalog's roots
 * @param storeId Whose archives the folders are made from: those of another store are left alone
 */
export function createInstaller(root: string, catalog: Catalog, storeId: string): Installer {
  // Names with a dot are no categories: the notes are never listed.
  const noteOf = (category: Category, name: string): string =>
    join(root, '.archives', `${category}.${name}`);
  return {
    async read(archive) {
      const { top, files } = await readArchive(archive);
      const text = files.get('manifest.json')?.toString('utf8') ?? '';
      const category = /"category"\s*:\s*"(servers|gateways|others)"/.exec(text)?.[1] ?? 'others';
      const parsed = parseManifest(text, category);
      if (!parsed.ok) {
        const [first] = parsed.problems;
        const at = first === undefined ? '' : `:${first.line}:${first.column}: ${first.message}`;
        throw new HostError('EXTENSION_MANIFEST_INVALID', `Cannot install: manifest.json${at}`, {
          details: { problems: parsed.problems },
        });
      }
      const { manifest } = parsed;
      const name = folderName(top, manifest.name);
      const sha256 = createHash('sha256').update(archive).digest('hex');
      return { category: manifest.category, name, sha256, files };
    },
    assertFree: ({ category, name }) => assertFree(catalog, category, { name, root }),
    async place({ category, name, sha256, files }) {
      await replaceFolder(root, join(root, category, name), files);
      const note = noteOf(category, name);
      await mkdir(dirname(note), { recursive: true, mode: 0o700 });
      await writeFile(note, `${sha256} ${storeId}`, { mode: 0o600 });
      const entry = await catalog.refresh(category, name);
      if (entry !== undefined) return entry;
      throw new HostError('HOST_INTERNAL', 'The installed extension was not found afterwards');
    },
    async digest(category, name) {
      try {
        const text = await readFile(noteOf(category, name), 'utf8');
        const [sha256, of] = text.split(' ');
        return of === storeId ? sha256 : undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async remove(entry) {
      if (entry.root !== root) {
        throw new HostError(
          'CALLER_UNSUPPORTED',
          `Cannot remove "${entry.category}/${entry.name}": it was not installed through this host`,
          { remedy: 'Delete its folder, or disable its instances' },
        );
      }
      await rm(noteOf(entry.category, entry.name), { force: true });
      await mkdir(root, { recursive: true });
      const aside = await mkdtemp(join(root, '.removed-'));
      await rename(entry.folder, join(aside, 'old'));
      await rm(aside, { recursive: true, force: true });
    },
  };
}

/** The archive's top folder when it can be a name, else the manifest's own name made fit. */
function folderName(top: string, displayName: string): string {
  if (top !== 'package' && isExtensionName(top)) return top;
  const name = displayName
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
  if (isExtensionName(name)) return name;
  throw new HostError(
    'EXTENSION_MANIFEST_INVALID',
    `Cannot install: "name" "${displayName.slice(0, 100)}" has no letter or digit for a folder name`,
  );
}

async function assertFree(
  catalog: Catalog,
  category: CatalogEntry['category'],
  { name, root }: { name: string; root: string },
): Promise<void> {
  const taken = (await catalog.entries()).find(
    (entry) => entry.category === category && nameKey(entry.name) === nameKey(name),
  );
  if (taken === undefined || (taken.root === root && taken.name === name)) return;
  throw new HostError(
    'CALLER_CONFLICT',
    `Cannot install "${category}/${name}": "${taken.category}/${taken.name}" has that name already`,
    { remedy: 'Rename the top folder of the archive' },
  );
}

async function replaceFolder(
  root: string,
  target: string,
  files: ReadonlyMap<string, Buffer>,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  // Names with a dot are no extensions: a half-written one is never listed.
  const staging = await mkdtemp(join(root, '.installing-'));
  try {
    const fresh = join(staging, 'new');
    for (const [path, content] of files) {
      const file = join(fresh, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content, { mode: 0o600, flag: 'wx' });
    }
    const old = join(staging, 'old');
    await rename(target, old).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(fresh, target);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
