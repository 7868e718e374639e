// `cofferdam start`: runs the host until a signal ends it.

import { existsSync } from 'node:fs';

import { SettingsError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { createLog } from '../log.ts';
import { runHost } from '../main.ts';
import type { RunningHost } from '../main.ts';
import { parseSettings } from '../settings.ts';
import type { Settings } from '../settings.ts';
import { readArgs } from './usage.ts';
import type { Command } from './usage.ts';

export const start: Command = {
  usage: 'start',
  summary: 'Run the host',
  details: 'Settings come from COFFERDAM_* names in the environment. SIGTERM drains and ends it.',
  async run(args) {
    readArgs(args, { options: {}, positionals: [] });
    const settings = parseSettings(process.env);
    assertRoots(settings);
    const log = createLog(settings.logLevel);
    const running = await runHost(settings, { log });
    announce(running);
    return untilSignal(running);
  },
};

/** @throws {SettingsError} For a folder of extensions that is not there */
export function assertRoots({ extensions }: Settings): void {
  const missing = extensions?.find((root) => !existsSync(root));
  if (missing === undefined) return;
  throw new SettingsError(
    `COFFERDAM_EXTENSIONS names "${missing}", which does not exist: make that folder or name another`,
  );
}

/** The one line that scripts wait for, and the token that a person needs once. */
export function announce({ url, adminToken }: RunningHost): void {
  if (adminToken !== undefined) {
    process.stderr.write(`Admin token, shown this once: ${adminToken}\n`);
  }
  process.stdout.write(
    `${JSON.stringify({ level: 'info', time: new Date().toISOString(), msg: 'ready', url })}\n`,
  );
}

/** Waits for SIGINT or SIGTERM, then drains. @returns 0, or 1 when draining took too long */
export function untilSignal(running: RunningHost): Promise<number> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = (): void => {
      if (stopping) return;
      stopping = true;
      const late = setTimeout(() => process.exit(1), LIMITS.shutdownMs);
      running.stop().then(
        () => {
          clearTimeout(late);
          resolve(0);
        },
        (error: unknown) => {
          process.stderr.write(`The shutdown failed: ${String(error)}\n`);
          resolve(1);
        },
      );
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}
