// The peers: packages of their own beside the bench, pinned by their own lockfile and installed on first
// use without install scripts, so that nobody who only runs the product has to download them.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const FOLDER = join(import.meta.dirname, 'packages');

/** Installs them unless they are there. @throws When npm cannot */
export function installPeers(): void {
  if (existsSync(join(FOLDER, 'node_modules/workerd'))) return;
  process.stderr.write('Installing the peers that the bench compares with (about 430 MB)…\n');
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  const { status } = spawnSync('npm', args, {
    cwd: FOLDER,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} in ${FOLDER} ended with ${status}`);
}

/** The path of a file in a peer's package. */
export function peerPath(name: string, file: string): string {
  return join(FOLDER, 'node_modules', name, file);
}

/** The program of workerd for this machine. */
export function workerdProgram(): string {
  const require = createRequire(peerPath('workerd', 'package.json'));
  const platform = `${process.platform}-${process.arch === 'x64' ? '64' : process.arch}`;
  return require.resolve(`@cloudflare/workerd-${platform}/bin/workerd`);
}

/** Imports a peer's module. Its types are not installed with the product: the caller says what it needs. */
export function importPeer<Module>(name: string, file: string): Promise<Module> {
  return import(pathToFileURL(peerPath(name, file)).href) as Promise<Module>;
}
