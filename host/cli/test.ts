// `cofferdam test`: the tests of an extension under the pinned Node.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';

import { readArgs } from './usage.ts';
import type { Command } from './usage.ts';

export const test: Command = {
  usage: 'test [folder]',
  summary: "Run an extension's *.test.ts",
  details: 'Tests use node:test and createTestContext of cofferdam/sdk/testing.',
  async run(args) {
    const { positionals } = readArgs(args, { options: {}, positionals: ['folder?'] });
    const cwd = resolve(positionals[0] ?? '.');
    const hook = join(import.meta.dirname, 'sdk-hook.ts');
    const flags = ['--import', hook, '--test', '**/*.test.ts'];
    const child = spawn(process.execPath, flags, { cwd, stdio: 'inherit' });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  },
};
