// What this product is: its version, and the extensions that it brings.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { APP_FOLDER } from './jail/spawn.ts';

/** The shipped extensions. */
export const SHIPPED_ROOT = join(APP_FOLDER, 'plugins');

/** The version of this product. */
export const VERSION = readVersion();

function readVersion(): string {
  const text = readFileSync(join(APP_FOLDER, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
