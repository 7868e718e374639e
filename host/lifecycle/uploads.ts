// An uploaded extension becomes one that runs: folder, code, swap. The same on the host that took the
// upload and on those that learn of it.

import type { CatalogEntry } from '../catalog/catalog.ts';
import { HostError } from '../errors.ts';
import type { Extensions } from './extensions.ts';
import type { Installer, Upload } from './install.ts';
import { swapInstances } from './reload.ts';
import type { ReloadPowers } from './reload.ts';

type UploadPowers = Pick<ReloadPowers, 'instances' | 'store' | 'onChange'> & {
  readonly installer: Installer;
  readonly extensions: Extensions;
};

/** Puts the files in their folder and the code into every running instance that may have it. */
export async function placeUpload(powers: UploadPowers, upload: Upload): Promise<CatalogEntry> {
  const entry = await powers.installer.place(upload);
  try {
    const compiled = await powers.extensions.compile(entry);
    await swapInstances(powers, entry, compiled);
  } catch (error) {
    // One that does not build is listed with its problems, as one on disk is.
    if (!(error instanceof HostError && error.code.startsWith('EXTENSION_'))) throw error;
  }
  return entry;
}
