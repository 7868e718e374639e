// Compiles the host's own pages: all of it is ours or Preact's. Runs in a builder process, so that a
// checkout needs no build step and the host no compiler.

import type { PageAssets } from './build.ts';
import type { BundleOwn } from './own-script.ts';

/** Builds the scripts and the sheet. */
export async function buildPages(bundle: BundleOwn): Promise<PageAssets> {
  const compile = (entry: string): Promise<string> =>
    bundle(`host/console/${entry}`, {
      minify: true,
      format: 'iife',
      target: 'es2022',
      charset: 'utf8',
      legalComments: 'none',
      jsx: 'automatic',
      jsxImportSource: 'preact',
      tsconfigRaw: '{}',
    });
  const [console, docs, style] = await Promise.all([
    compile('main.tsx'),
    compile('docs.tsx'),
    compile('style.css'),
  ]);
  return { console, docs, style };
}
