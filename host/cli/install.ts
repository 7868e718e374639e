// `cofferdam install`: an extension, packed now or before, to a running host.

import { readFile, stat } from 'node:fs/promises';

import { CLIENT_HELP, CLIENT_OPTIONS, createClient, printAnswer } from './client.ts';
import { packFolder } from './pack.ts';
import { readArgs, UsageError } from './usage.ts';
import type { Command } from './usage.ts';

export const install: Command = {
  usage: 'install <folder or .tgz>',
  summary: 'Install or update an extension on a running host',
  details: CLIENT_HELP,
  async run(args) {
    const { values, positionals } = readArgs(args, {
      options: CLIENT_OPTIONS,
      positionals: ['path'],
    });
    const [path = ''] = positionals;
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) throw new UsageError(`"${path}" does not exist`);
    const archive = found.isDirectory() ? await packFolder(path) : await readFile(path);
    const form = new FormData();
    form.append('archive', new Blob([new Uint8Array(archive)]), 'extension.tgz');
    return printAnswer(await createClient(values).request('POST', '/extensions', form));
  },
};
