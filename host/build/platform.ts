// Compiles the code that every isolate starts from. All of it is ours or zod's: read from disk as usual.
// Runs in the builder process.

import { dirname, join } from 'node:path';

import { build } from 'esbuild';
import type { Plugin } from 'esbuild';

import type { Platform, PlatformScript } from './build.ts';
import { SCRIPT_OPTIONS } from './bundle.ts';
import { runCache } from './code-cache.ts';

const CELL_MAIN = join(dirname(import.meta.dirname), 'sandbox', 'main.ts');
const GUEST = join(dirname(import.meta.dirname), 'guest');
const MODULES = join(dirname(dirname(import.meta.dirname)), 'node_modules');

/** zod carries error texts in fifty languages; only English is ever used here: 380 KB less. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup({ onLoad }) {
    onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
      loader: 'js',
    }));
  },
};

/** Builds the platform script, the schema script and the program of a cell. */
export async function buildPlatform(): Promise<Platform> {
  const [platform, schema, cell] = await Promise.all([
    compile('main.ts', 'cofferdam:platform'),
    compile('schema.ts', 'cofferdam:schema'),
    bundleCell(),
  ]);
  return { platform, schema, cell };
}

async function bundleCell(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [CELL_MAIN],
    outfile: 'cell.cjs',
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    // isolated-vm is a native addon: the cell loads it from node_modules.
    packages: 'external',
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'silent',
  });
  return outputFiles[0]?.text.trimEnd() ?? '';
}

async function compile(entry: string, filename: string): Promise<PlatformScript> {
  const { outputFiles } = await build({
    ...SCRIPT_OPTIONS,
    format: 'cjs',
    banner: { js: '(function (module, exports, require) {"use strict";' },
    footer: { js: '})' },
    entryPoints: [join(GUEST, entry)],
    outfile: 'script.js',
    minifyWhitespace: true,
    minifySyntax: true,
    mainFields: ['module', 'main'],
    // The jail lets nobody list the folders above, where esbuild would look for node_modules.
    nodePaths: [MODULES],
    plugins: [englishOnly],
  });
  const code = outputFiles[0]?.text.trimEnd() ?? '';
  return { code, cachedData: runCache(code, { filename, boot: entry === 'main.ts' }) };
}
