// The command line: finds the command, runs it, turns failures into one line and an exit code.

import { HostError } from '../errors.ts';
import { SettingsError } from '../settings.ts';
import { VERSION } from '../main.ts';
import { UsageError } from './usage.ts';
import type { Command } from './usage.ts';
import { audit } from './audit.ts';
import { backup, migrate, restore } from './backup.ts';
import { check } from './check.ts';
import { dev } from './dev.ts';
import { doctor } from './doctor.ts';
import { grants } from './grants.ts';
import { create } from './new.ts';
import { pack } from './pack.ts';
import { failureText } from './problems.ts';
import { call, install, logs, replay } from './remote.ts';
import { rotate } from './rotate-key.ts';
import { start } from './start.ts';
import { test } from './test.ts';

const COMMANDS: readonly Command[] = [
  start,
  dev,
  create,
  check,
  test,
  pack,
  install,
  call,
  logs,
  replay,
  grants,
  audit,
  doctor,
  backup,
  restore,
  migrate,
  rotate,
];

const [name = 'help', ...args] = process.argv.slice(2);
process.exitCode = await run(name, args);

async function run(wanted: string, rest: readonly string[]): Promise<number> {
  if (wanted === 'help' || wanted === '--help' || wanted === '-h') return help(rest[0]);
  if (wanted === '--version' || wanted === '-v') {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const command = COMMANDS.find((each) => each.name === wanted);
  if (command === undefined) {
    process.stderr.write(`Unknown command "${wanted}": try "cofferdam help"\n`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) return help(wanted);
  try {
    return await command.run(rest);
  } catch (error) {
    return explain(error);
  }
}

function explain(error: unknown): number {
  if (error instanceof SettingsError || error instanceof UsageError) {
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  if (error instanceof HostError) {
    const { message: detail, ...data } = error.toData();
    process.stderr.write(failureText({ ...data, detail }));
    return 1;
  }
  throw error;
}

function help(wanted: string | undefined): number {
  const command = COMMANDS.find((each) => each.name === wanted);
  if (command !== undefined) {
    process.stdout.write(`cofferdam ${command.usage}\n\n${command.summary}\n${command.details}\n`);
    return 0;
  }
  const width = Math.max(...COMMANDS.map(({ usage }) => usage.length));
  const lines = COMMANDS.map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`);
  process.stdout.write(
    `cofferdam <command>\n\n${lines.join('\n')}\n\nSettings: COFFERDAM_* (see README.md)\n`,
  );
  return 0;
}
