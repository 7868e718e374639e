// The folder that a host keeps its state in. A setting names it, so a failure names the setting.

import { SettingsError } from '../errors.ts';
import { makeFolder } from '../store/folder.ts';

/** Makes a folder of the data folder, for this user alone. @throws {SettingsError} */
export function makeDataFolder(folder: string): void {
  try {
    makeFolder(folder);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown';
    throw new SettingsError(
      `COFFERDAM_DATA_DIR must be a folder that can be made and written: ${why}`,
      { cause: error },
    );
  }
}
