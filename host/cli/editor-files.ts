// What an editor needs to know of extensions that lie outside this installation: where `cofferdam/sdk`
// is, and the schema of manifest.json. Written beside the category folders, never over a file of the author.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { APP_FOLDER } from '../jail/spawn.ts';
import { manifestJsonSchema } from '../../sdk/manifest.ts';

/** The schema's file; manifests two folders below name it as `$schema`. */
export const SCHEMA_FILE = 'manifest.schema.json';

/** Writes what is not there yet. @param root The folder that holds the categories */
export async function writeEditorFiles(root: string): Promise<void> {
  const files = { 'tsconfig.json': tsconfig(), [SCHEMA_FILE]: manifestJsonSchema() };
  for (const [file, content] of Object.entries(files)) {
    const text = `${JSON.stringify(content, undefined, 2)}\n`;
    await writeFile(join(root, file), text, { flag: 'wx' }).catch((error: unknown) => {
      // EEXIST: the author's own, or one from before.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  }
}

function tsconfig(): object {
  return {
    compilerOptions: {
      target: 'esnext',
      lib: ['esnext'],
      module: 'esnext',
      moduleResolution: 'bundler',
      strict: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      erasableSyntaxOnly: true,
      skipLibCheck: true,
      types: ['node'],
      typeRoots: [join(APP_FOLDER, 'node_modules/@types')],
      // The SDK of the installation that made this file: change it when that moves.
      paths: {
        'cofferdam/sdk': [join(APP_FOLDER, 'sdk/index.ts')],
        'cofferdam/sdk/testing': [join(APP_FOLDER, 'sdk/testing.ts')],
      },
    },
    include: ['servers', 'gateways', 'others'],
  };
}
