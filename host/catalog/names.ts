// Names of extensions as people and URLs write them. Pure.

import { EXTENSION_NAME } from '../../sdk/manifest.ts';

/** Two spellings of one name have the same key: case, hyphens and underscores do not count. */
export function nameKey(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/** Whether a folder can be an extension's. */
export function isExtensionName(name: string): boolean {
  return EXTENSION_NAME.test(name);
}

/** Whether a name can be an instance's: the same rule as for extensions. */
export function isInstanceName(name: string): boolean {
  return EXTENSION_NAME.test(name);
}
