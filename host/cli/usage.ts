// What a command is, and how its arguments are read.

import { parseArgs } from 'node:util';
import type { ParseArgsOptionsConfig } from 'node:util';

/** One command of the command line. */
export type Command = {
  /** As help shows it, name first */
  readonly usage: string;
  readonly summary: string;
  /** More lines for `help <command>` */
  readonly details: string;
  /** @returns The exit code: 0 done, 1 failed, 2 used wrongly */
  run(args: readonly string[]): Promise<number>;
};

/** Arguments that do not fit; ends with exit code 2. */
export class UsageError extends Error {}

/** Reads options and exactly the named positionals; `?` at the end of a name makes it optional. */
export function readArgs<Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  { options, positionals }: { options: Options; positionals: readonly string[] },
): { values: Record<string, string | boolean | undefined>; positionals: (string | undefined)[] } {
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    const needed = positionals.filter((name) => !name.endsWith('?')).length;
    if (parsed.positionals.length < needed) {
      throw new UsageError(`Missing argument <${positionals[parsed.positionals.length] ?? ''}>`);
    }
    if (parsed.positionals.length > positionals.length) {
      throw new UsageError(`Unknown argument "${parsed.positionals[positionals.length] ?? ''}"`);
    }
    return {
      values: parsed.values,
      positionals: positionals.map((_name, at) => parsed.positionals[at]),
    };
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message.split('\n')[0] ?? '');
    throw error;
  }
}
