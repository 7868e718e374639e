// Compiles the code that every isolate starts from. All of it is ours or zod's: read from disk as usual.
// Runs in a builder process.

import type { Plugin } from 'esbuild';

import type { Platform, PlatformScript } from './build.ts';
import { SCRIPT_OPTIONS } from './bundle.ts';
import { runCache } from './code-cache.ts';
import { packGreeting } from './messages.ts';
import type { BundleOwn } from './own-script.ts';

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

/** Builds the platform script, the schema script and the programs of children. */
export async function buildPlatform(bundle: BundleOwn): Promise<Platform> {
  const [platform, schema, cell, builder] = await Promise.all([
    compile(bundle, 'main.ts', 'cofferdam:platform'),
    compile(bundle, 'schema.ts', 'cofferdam:schema'),
    bundleProgram(bundle, 'host/sandbox/main.ts'),
    bundleProgram(bundle, 'host/build/main.ts'),
  ]);
  return { greeting: packGreeting(platform, schema), cell, builder };
}

function bundleProgram(bundle: BundleOwn, entry: string): Promise<string> {
  return bundle(entry, {
    platform: 'node',
    format: 'cjs',
    // esbuild, and isolated-vm as a native addon, are loaded from node_modules.
    packages: 'external',
    // A text has no folder: that of the builder's files, the only ones that ask.
    define: { 'import.meta.dirname': JSON.stringify(import.meta.dirname) },
    minifyWhitespace: true,
    minifySyntax: true,
  });
}

async function compile(
  bundle: BundleOwn,
  entry: string,
  filename: string,
): Promise<PlatformScript> {
  const code = await bundle(`host/guest/${entry}`, {
    ...SCRIPT_OPTIONS,
    format: 'cjs',
    banner: { js: '(function (module, exports, require) {"use strict";' },
    footer: { js: '})' },
    minifyWhitespace: true,
    minifySyntax: true,
    mainFields: ['module', 'main'],
    plugins: [englishOnly],
  });
  return { code, cachedData: runCache(code, { filename, boot: entry === 'main.ts' }) };
}
