// Bundles one entry file of the product's own and notes every file that went in. Runs in a builder process.

import { dirname, join } from 'node:path';

import { build } from 'esbuild';
import type { BuildOptions } from 'esbuild';

const APP_FOLDER = dirname(dirname(import.meta.dirname));

/** Bundles `entry`, a path relative to the product's folder, into one text. */
export type BundleOwn = (entry: string, options: BuildOptions) => Promise<string>;

/** @param inputs Gets the files that went in, and the package.json of their packages, by relative path */
export function createBundleOwn(inputs: Set<string>): BundleOwn {
  return async (entry, options) => {
    const { outputFiles, metafile } = await build({
      ...options,
      entryPoints: [entry],
      absWorkingDir: APP_FOLDER,
      bundle: true,
      write: false,
      metafile: true,
      // The jail lets nobody list the folders above, where esbuild would look for node_modules.
      nodePaths: [join(APP_FOLDER, 'node_modules')],
      logLevel: 'silent',
    });
    for (const file of Object.keys(metafile.inputs)) {
      inputs.add(file);
      const [, home] = IN_PACKAGE.exec(file) ?? [];
      if (home !== undefined) inputs.add(`${home}/package.json`);
    }
    return outputFiles[0]?.text.trimEnd() ?? '';
  };
}

const IN_PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
