// The command line: finds the command, runs it, turns failures into one line and an exit code.

import { HostError, SettingsError } from '../errors.ts';
import { VERSION } from '../product.ts';
import { UsageError } from './usage.ts';
import type { Command } from './usage.ts';
import { failureText } from './problems.ts';

/** Each is loaded when it is asked for: `call` needs nothing of a host. */
const COMMANDS = new Map<string, () => Promise<Command>>(
  Object.entries({
    start: async () => (await import('./start.ts')).start,
    dev: async () => (await import('./dev.ts')).dev,
    new: async () => (await import('./new.ts')).create,
    check: async () => (await import('./check.ts')).check,
    test: async () => (await import('./test.ts')).test,
    pack: async () => (await import('./pack.ts')).pack,
    install: async () => (await import('./install.ts')).install,
    call: async () => (await import('./remote.ts')).call,
    logs: async () => (await import('./remote.ts')).logs,
    replay: async () => (await import('./remote.ts')).replay,
    grants: async () => (await import('./grants.ts')).grants,
    audit: async () => (await import('./audit.ts')).audit,
    doctor: async () => (await import('./doctor.ts')).doctor,
    backup: async () => (await import('./backup.ts')).backup,
    restore: async () => (await import('./backup.ts')).restore,
    'migrate-store': async () => (await import('./backup.ts')).migrate,
    'rotate-key': async () => (await import('./rotate-key.ts')).rotate,
  }),
);

const [name = 'help', ...args] = process.argv.slice(2);
process.exitCode = await run(name, args);

async function run(wanted: string, rest: readonly string[]): Promise<number> {
  if (wanted === 'help' || wanted === '--help' || wanted === '-h') return help(rest[0]);
  if (wanted === '--version' || wanted === '-v') {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const load = COMMANDS.get(wanted);
  if (load === undefined) {
    process.stderr.write(`Unknown command "${wanted}": try "cofferdam help"\n`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) return help(wanted);
  try {
    return await (await load()).run(rest);
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

async function help(wanted = ''): Promise<number> {
  const load = COMMANDS.get(wanted);
  if (load !== undefined) {
    const { usage, summary, details } = await load();
    process.stdout.write(`cofferdam ${usage}\n\n${summary}\n${details}\n`);
    return 0;
  }
  const commands = await Promise.all([...COMMANDS.values()].map((each) => each()));
  const width = Math.max(...commands.map(({ usage }) => usage.length));
  const lines = commands.map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`);
  process.stdout.write(
    `cofferdam <command>\n\n${lines.join('\n')}\n\nSettings: COFFERDAM_* (see README.md)\n`,
  );
  return 0;
}
