// Earlier versions of an instance's config: what an admin sees of them, and what one becomes when it is
// taken back. Pure but for the vault; secrets are not shown here either.

import { HostError } from '../errors.ts';
import type { ConfigVersion } from '../store/store.ts';
import { isSealed } from '../store/vault.ts';
import type { Vault } from '../store/vault.ts';
import type { Description } from './compiled.ts';
import { MASK, maskConfig, mergeConfig } from './config.ts';
import { secretFields } from './fields.ts';
import type { ConfigVersionView } from './host.ts';
import { configError } from './own-calls.ts';

/** Versions with their secrets masked, also those that were stored before their field became one. */
export function viewHistory(
  versions: readonly ConfigVersion[],
  description: Description | undefined,
): ConfigVersionView[] {
  const secrets = new Set(description === undefined ? [] : secretFields(description));
  return versions.map(({ version, config, actor, at }) => {
    const shown = Object.entries(maskConfig(config)).map(([name, value]) => [
      name,
      secrets.has(name) ? MASK : value,
    ]);
    return { version, at, actor, config: Object.fromEntries(shown) };
  });
}

/**
 * What is kept when a version is taken back: as if an admin sent its values again.
 *
 * @throws {HostError} `CALLER_NOT_FOUND`; `CALLER_CONFIG_INVALID` when it no longer fits the extension
 */
export function restoreConfig(
  versions: readonly ConfigVersion[],
  version: number,
  to: { readonly description: Description; readonly instance: string; readonly vault: Vault },
): Record<string, unknown> {
  const found = versions.find((each) => each.version === version);
  if (found === undefined) {
    throw new HostError(
      'CALLER_NOT_FOUND',
      `Config version ${version} of "${to.instance}" not found`,
      { remedy: 'List the versions that are kept with GET …/config/history' },
    );
  }
  const merged = mergeConfig(maskConfig(found.config), found.config, to);
  const opened = Object.keys(merged).filter(
    (field) => isSealed(found.config[field]) && !isSealed(merged[field]),
  );
  if (opened.length === 0) return merged;
  throw configError(
    opened.map((field) => ({
      field,
      message: 'was a secret in that version and is none now: send its value with PUT …/config',
    })),
  );
}
