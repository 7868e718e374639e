// `cofferdam pack`: an extension's folder as the .tgz that hosts install.

import { readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import { readArchive } from '../catalog/archive.ts';
import { checkFolder, printProblems } from './check.ts';
import { readArgs } from './usage.ts';
import type { Command } from './usage.ts';

export const pack: Command = {
  usage: 'pack <folder> [file.tgz]',
  summary: 'Check an extension and pack it for installing',
  details: 'Tests, dot files and everything but plain files stay out.',
  async run(args) {
    const { positionals } = readArgs(args, { options: {}, positionals: ['folder', 'file?'] });
    const folder = resolve(positionals[0] ?? '.');
    const problems = await checkFolder(folder);
    if (problems.length > 0) return printProblems(problems);
    const file = positionals[1] ?? `${basename(folder)}.tgz`;
    await writeFile(file, await packFolder(folder));
    process.stdout.write(`${file}\n`);
    return 0;
  },
};

/** The archive of a folder, checked as a host will check it. */
export async function packFolder(folder: string): Promise<Buffer> {
  const path = resolve(folder);
  const entries = await readdir(path);
  const names = entries.filter(
    (name) => !name.startsWith('.') && !/\.test\.[cm]?[jt]s$/.test(name),
  );
  const top = basename(path);
  const { create } = await import('tar');
  const stream = create(
    { gzip: true, cwd: dirname(path), portable: true, follow: false },
    names.map((name) => join(top, name)),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  const archive = Buffer.concat(chunks);
  await readArchive(archive);
  return archive;
}
