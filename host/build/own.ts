// What is made of the product's own files and of nobody else's, and which files those were. Runs in a
// builder process that reads no extension.

import { readdirSync } from 'node:fs';

import type { OwnBuild, OwnName } from './build.ts';
import { packPages, packPlatform } from './messages.ts';
import { createBundleOwn } from './own-script.ts';
import type { BundleOwn } from './own-script.ts';
import { buildPages } from './pages.ts';
import { buildPlatform } from './platform.ts';

/** What decides over a build without being part of it: compilers, our use of them, the flags of a child. */
const TOOLS = [
  'node_modules/esbuild/package.json',
  'node_modules/isolated-vm/package.json',
  'host/jail/spawn.ts',
  ...readdirSync(import.meta.dirname).map((name) => `host/build/${name}`),
];

const MAKERS: Record<OwnName, (bundle: BundleOwn) => Promise<Buffer>> = {
  platform: async (bundle) => packPlatform(await buildPlatform(bundle)),
  pages: async (bundle) => packPages(await buildPages(bundle)),
};

/** Builds one of them. */
export async function buildOwn(name: OwnName): Promise<OwnBuild> {
  const inputs = new Set(TOOLS);
  const payload = await MAKERS[name](createBundleOwn(inputs));
  return { payload, inputs: [...inputs].toSorted() };
}
