// `cofferdam dev`: a host that watches, with changes and log lines in the terminal as they happen.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { Problem } from '../build/build.ts';
import { APP_FOLDER } from '../jail/spawn.ts';
import type { EgressPowers } from '../lifecycle/endow.ts';
import type { StateChange } from '../changes.ts';
import { createLog } from '../log.ts';
import { runHost } from '../main.ts';
import { parseSettings } from '../settings.ts';
import { printProblems } from './check.ts';
import { announce, assertRoots, untilSignal } from './start.ts';
import { plain } from './problems.ts';
import { readArgs, UsageError } from './usage.ts';
import type { Command } from './usage.ts';

export const dev: Command = {
  name: 'dev',
  usage: 'dev [root] [--report] [--with-fakes]',
  summary: 'Run a host that reloads what you save',
  details:
    'root holds servers/, gateways/ and others/ (default: COFFERDAM_EXTENSIONS, else the shipped ones).\n' +
    '--report lists requests that a manifest or grant would have to allow, instead of refusing them.\n' +
    '--with-fakes starts a fake of each vendor on loopback, leads the vendors’ names to them and to\n' +
    'nothing else, and prints what to enter as config. Only in a checkout of Cofferdam.',
  async run(args) {
    const { positionals, values } = readArgs(args, {
      options: {
        report: { type: 'boolean', default: false },
        'with-fakes': { type: 'boolean', default: false },
      },
      positionals: ['root?'],
    });
    const root = positionals[0];
    const settings = parseSettings({
      COFFERDAM_WATCH: '1',
      COFFERDAM_LOG_LEVEL: 'warn',
      ...process.env,
      ...(root === undefined ? {} : { COFFERDAM_EXTENSIONS: resolve(root) }),
    });
    assertRoots(settings);
    await using fakes = values['with-fakes'] === true ? await loadFakes() : undefined;
    const running = await runHost(settings, {
      log: createLog(settings.logLevel),
      egress: { report: values['report'] === true, ...fakes?.egress },
      onLine: ({ instance, level, message, fields }) => {
        const more = fields === undefined ? '' : ` ${JSON.stringify(fields)}`;
        process.stdout.write(plain(`${instance} ${level}: ${message}${more}\n`));
      },
    });
    announce(running);
    for (const [extension, config] of Object.entries(fakes?.configs ?? {})) {
      process.stdout.write(`config of ${extension}: ${JSON.stringify(config)}\n`);
    }
    const stop = new AbortController();
    const shown = show(running.changes.subscribe(stop.signal));
    const code = await untilSignal(running);
    stop.abort();
    await shown;
    return code;
  },
};

/** What the fakes hand over; they are test code, present in a checkout only. */
type Fakes = AsyncDisposable & {
  readonly egress: EgressPowers;
  readonly configs: Readonly<Record<string, object>>;
};

async function loadFakes(): Promise<Fakes> {
  const file = join(APP_FOLDER, 'test/vendors/fakes.ts');
  if (!existsSync(file)) {
    throw new UsageError('There are no fakes here: --with-fakes works in a checkout of Cofferdam');
  }
  // The file is our own, of the same checkout; tsc sees it with the tests.
  const { startFakes } = (await import(pathToFileURL(file).href)) as {
    startFakes: () => Promise<Fakes>;
  };
  return await startFakes();
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
