// The folder that a host keeps its state in. A setting names it, so a failure names the setting.

import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

import { SettingsError } from '../settings.ts';

/** Makes a folder of the data folder, for this user alone. @throws {SettingsError} */
export function makeDataFolder(folder: string): void {
  try {
    makeMissing(folder);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown';
    throw new SettingsError(
      `COFFERDAM_DATA_DIR must be a folder that can be made and written: ${why}`,
      { cause: error },
    );
  }
}

/** Folder by folder: where the system says ENOENT to every mkdir, as in /proc, Node's own `recursive` never ends. */
function makeMissing(folder: string): void {
  if (existsSync(folder)) return;
  makeMissing(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another host that starts at the same time was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
