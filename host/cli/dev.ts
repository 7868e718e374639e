// `cofferdam dev`: a host that watches, with changes and log lines in the terminal as they happen.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { Problem } from '../build/build.ts';
import { APP_FOLDER } from '../jail/spawn.ts';
import type { EgressPowers } from '../lifecycle/endow.ts';
import type { StateChange } from '../changes.ts';
import { createLog } from '../log.ts';
import { runHost } from '../main.ts';
import type { RunningHost } from '../main.ts';
import { parseSettings } from '../settings.ts';
import type { Settings } from '../settings.ts';
import { printProblems } from './check.ts';
import { announce, assertRoots, untilSignal } from './start.ts';
import { plain } from './problems.ts';
import { readArgs, UsageError } from './usage.ts';
import type { Command } from './usage.ts';

export const dev: Command = {
  usage: 'dev [root] [--report] [--with-fakes]',
  summary: 'Run a host that reloads what you save',
  details:
    'root holds servers/, gateways/ and others/ (default: COFFERDAM_EXTENSIONS, else the shipped ones).\n' +
    '--report lists requests that a manifest or grant would have to allow, instead of refusing them.\n' +
    '--with-fakes starts a fake of each vendor on loopback and leads the vendors’ names to them and to\n' +
    'nothing else; extensions that have one are configured, enabled and called once, and customers pay\n' +
    'every page. All of it is forgotten at the end unless COFFERDAM_DATA_DIR is set. Only in a checkout\n' +
    'of Cofferdam.',
  async run(args) {
    const { positionals, values } = readArgs(args, {
      options: {
        report: { type: 'boolean', default: false },
        'with-fakes': { type: 'boolean', default: false },
      },
      positionals: ['root?'],
    });
    const root = positionals[0];
    const hasFakes = values['with-fakes'] === true;
    await using dataFolder = hasFakes ? await forgottenFolder() : undefined;
    const settings = parseSettings({
      ...(dataFolder === undefined ? {} : { COFFERDAM_DATA_DIR: dataFolder.path }),
      COFFERDAM_WATCH: '1',
      COFFERDAM_LOG_LEVEL: 'warn',
      ...process.env,
      ...(root === undefined ? {} : { COFFERDAM_EXTENSIONS: resolve(root) }),
    });
    assertRoots(settings);
    await using fakes = hasFakes ? await loadFakes() : undefined;
    const running = await runHost(settings, {
      log: createLog(settings.logLevel),
      egress: { report: values['report'] === true, ...fakes?.egress },
      onLine: ({ instance, level, message, fields }) => {
        const more = fields === undefined ? '' : ` ${JSON.stringify(fields)}`;
        process.stdout.write(plain(`${instance} ${level}: ${message}${more}\n`));
      },
    });
    const ended = untilSignal(running);
    announce(running);
    // Whoever gives up while it is being set up is not kept waiting.
    if (fakes !== undefined) await Promise.race([ended, fill(fakes, running, settings)]);
    const stop = new AbortController();
    const shown = show(running.changes.subscribe(stop.signal));
    const code = await ended;
    stop.abort();
    await shown;
    return code;
  },
};

/** What the fakes hand over; they are test code, present in a checkout only. */
type Fakes = AsyncDisposable & {
  readonly egress: EgressPowers;
  readonly configs: Readonly<Record<string, object>>;
  setUp(host: { url: string; token: string }, say: (line: string) => void): Promise<void>;
};

/** Sets the extensions up; without a token, which only a first start knows, says what to enter. */
async function fill(fakes: Fakes, { url, adminToken }: RunningHost, settings: Settings) {
  const token = adminToken ?? settings.adminToken;
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  if (token === undefined) {
    for (const [extension, config] of Object.entries(fakes.configs)) {
      say(`config of ${extension}: ${JSON.stringify(config)}`);
    }
    return;
  }
  await fakes.setUp({ url, token }, say);
  say(`Everything runs on fakes. Open ${url}/console and sign in with the admin token`);
}

/** A data folder that is gone when the host is. */
async function forgottenFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'cofferdam-fakes-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function loadFakes(): Promise<Fakes> {
  const file = join(APP_FOLDER, 'test/vendors/dev.ts');
  if (!existsSync(file)) {
    throw new UsageError('There are no fakes here: --with-fakes works in a checkout of Cofferdam');
  }
  // The file is our own, of the same checkout; tsc sees it with the tests.
  const { startDevFakes } = (await import(pathToFileURL(file).href)) as {
    startDevFakes: () => Promise<Fakes>;
  };
  return await startDevFakes();
}

async function show(changes: AsyncIterable<StateChange>): Promise<void> {
  for await (const { type, subject, data } of changes) {
    if (type === 'extension.build-failed') {
      process.stderr.write(`${subject}: the last good code keeps serving\n`);
      printProblems((data['problems'] ?? []) as Problem[]);
    } else if (type === 'extension.changed') {
      process.stdout.write(`${subject}: built in ${String(data['builtMs'])} ms\n`);
    } else if (type === 'instance.reloaded') {
      process.stdout.write(`${subject}: new code answers\n`);
    } else if (type === 'instance.rolled-back') {
      process.stderr.write(`${subject}: the first calls failed, the old code serves again\n`);
    }
  }
}
