// Compiles the code that every isolate starts from. All of it is ours or zod's: read from disk as usual.
// Runs in a builder process.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import type { Plugin } from 'esbuild';

import type { Platform } from './build.ts';
import { BUNDLE_OPTIONS, SCRIPT_OPTIONS } from './bundle.ts';
import { runCaches } from './code-cache.ts';
import { packGreeting } from './messages.ts';
import type { BundleOwn } from './own-script.ts';

const GUEST = join(dirname(import.meta.dirname), 'guest');

/** What is loaded when something first needs it; a file of `host/guest/pieces` each. */
const PIECES = readdirSync(join(GUEST, 'pieces')).map((name) => name.replace(/\.ts$/, ''));

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

/** Modules of the main script that pieces use, as `host/guest/pieces.ts` shares them. */
const SHARED = [
  'bridge',
  'pieces',
  'platform/console',
  'platform/natives',
  'platform/slots',
  'platform/time',
  'platform/webidl',
];

/** Who has a module that there may be only once in an isolate: by path, the name to require. */
function readOwners(): ReadonlyMap<string, string> {
  const owners = new Map(SHARED.map((module) => [module, module]));
  for (const piece of PIECES) {
    const text = readFileSync(join(GUEST, 'pieces', `${piece}.ts`), 'utf8');
    for (const [, module = ''] of text.matchAll(/ from '\.\.\/(platform\/[\w-]+)\.ts'/g)) {
      owners.set(module, piece);
    }
  }
  return owners;
}

/**
 * A piece requires the modules of others instead of having them again. Those that are on nobody's list belong
 * to the first piece that has them, and to no second one: they may hold what there is once.
 */
function requireOthers(owners: ReadonlyMap<string, string>): (piece: string) => Plugin {
  const unlisted = new Map<string, string>();
  return (piece) => ({
    name: 'require-others',
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
        const module = relative(GUEST, join(resolveDir, path)).replace(/\.ts$/, '');
        if (!module.startsWith('platform/') && !owners.has(module)) return undefined;
        const owner = owners.get(module) ?? unlisted.get(module) ?? piece;
        if (owner !== piece && unlisted.has(module)) {
          return { errors: [{ text: `"${module}" is in the pieces "${owner}" and "${piece}"` }] };
        }
        if (!owners.has(module)) unlisted.set(module, piece);
        return owner === piece ? undefined : { path: owner, external: true };
      });
    },
  });
}

/** Builds the scripts of the platform and the programs of children. */
export async function buildPlatform(bundle: BundleOwn): Promise<Platform> {
  const sharing = requireOthers(readOwners());
  const [main, rehearsal, cell, builder, ...pieces] = await Promise.all([
    bundleGuest(bundle, 'main', []),
    bundle('host/guest/rehearsal.ts', BUNDLE_OPTIONS),
    bundleProgram(bundle, 'host/sandbox/main.ts'),
    bundleProgram(bundle, 'host/build/main.ts'),
    ...PIECES.map((name) => bundleGuest(bundle, `pieces/${name}`, [sharing(name), englishOnly])),
  ]);
  const named = Object.fromEntries(PIECES.map((name, at) => [name, pieces[at] ?? '']));
  const scripts = await runCaches({ main, ...named }, rehearsal);
  return { greeting: packGreeting(scripts), cell, builder };
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

function bundleGuest(bundle: BundleOwn, name: string, plugins: Plugin[]): Promise<string> {
  return bundle(`host/guest/${name}.ts`, {
    ...SCRIPT_OPTIONS,
    format: 'cjs',
    banner: { js: '(function (module, exports, require) {"use strict";' },
    footer: { js: '})' },
    minifyWhitespace: true,
    minifySyntax: true,
    mainFields: ['module', 'main'],
    plugins,
  });
}
