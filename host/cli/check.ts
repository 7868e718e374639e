// `cofferdam check`: manifest and build of one folder, with every problem at its place.

import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { Problem } from '../build/build.ts';
import { BUILDER_MAIN, createBuilder } from '../build/builder.ts';
import { CATEGORIES } from '../catalog/categories.ts';
import { parseManifest } from '../catalog/manifest.ts';
import { APP_FOLDER, spawnChild } from '../jail/spawn.ts';
import { SHIPPED_ROOT } from '../product.ts';
import { placeLines } from './problems.ts';
import { readArgs, UsageError } from './usage.ts';
import type { Command } from './usage.ts';

export const check: Command = {
  usage: 'check [folder]',
  summary: 'Check manifest and code of an extension',
  details:
    'Prints file:line:column of every problem; exit code 1 when there is one. Runs nothing of it.',
  async run(args) {
    const { positionals } = readArgs(args, { options: {}, positionals: ['folder?'] });
    const problems = await checkFolder(resolve(positionals[0] ?? '.'));
    if (problems.length > 0) return printProblems(problems);
    process.stdout.write('No problem found\n');
    return 0;
  },
};

/** Every problem of a folder; none means that a host can load it. */
export async function checkFolder(folder: string): Promise<readonly Problem[]> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => undefined);
  if (text === undefined) throw new UsageError(`"${folder}" holds no manifest.json`);
  const category = CATEGORIES.find((name) => text.includes(`"${name}"`)) ?? 'others';
  const manifest = parseManifest(text, category);
  if (!manifest.ok) return manifest.problems;
  const shipped = folder.startsWith(SHIPPED_ROOT) ? [join(APP_FOLDER, 'node_modules')] : [];
  await using builder = createBuilder({
    spawnBuilder: async () =>
      spawnChild({ main: BUILDER_MAIN, read: [folder], mayStartProcesses: true }),
    modulesFor: () => shipped,
  });
  const result = await builder.build(folder);
  return result.ok ? [] : result.problems;
}

/** @returns The exit code */
export function printProblems(problems: readonly Problem[]): number {
  for (const problem of problems) process.stderr.write(`${placeLines(problem).join('\n')}\n`);
  return 1;
}
