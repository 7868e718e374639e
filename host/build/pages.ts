// Compiles the host's own pages: all of it is ours or Preact's. Runs in the builder process, so that a
// checkout needs no build step and the host no compiler.

import { dirname, join } from 'node:path';

import { build } from 'esbuild';

import type { PageAssets } from './build.ts';

const CONSOLE = join(dirname(import.meta.dirname), 'console');
const MODULES = join(dirname(dirname(import.meta.dirname)), 'node_modules');

/** Builds the scripts and the sheet. */
export async function buildPages(): Promise<PageAssets> {
  const [console, docs, style] = await Promise.all(
    ['main.tsx', 'docs.tsx', 'style.css'].map(compile),
  );
  return { console: console ?? '', docs: docs ?? '', style: style ?? '' };
}

async function compile(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(CONSOLE, entry)],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    tsconfigRaw: '{}',
    // The jail lets nobody list the folders above, where esbuild would look for node_modules.
    nodePaths: [MODULES],
    logLevel: 'silent',
  });
  return outputFiles[0]?.text.trimEnd() ?? '';
}
