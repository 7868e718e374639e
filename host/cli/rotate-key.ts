// `cofferdam rotate-key`: seals every secret with a new master key.

import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, renameSync } from 'node:fs';

import { parseSettings } from '../settings.ts';
import type { Settings } from '../settings.ts';
import { masterKeyFile, opensKeyMark, readKeyFile, writeKeyFile } from '../store/master-key.ts';
import { openTables } from '../store/open.ts';
import { findKeyMark, rotateKey } from '../store/rotate.ts';
import type { Rotation } from '../store/rotate.ts';
import type { Tables } from '../store/tables.ts';
import { noteAudit } from './note-audit.ts';
import { readArgs } from './usage.ts';
import type { Command } from './usage.ts';

export const rotate: Command = {
  usage: 'rotate-key [--old-key-file <file>]',
  summary: 'Seal every secret with a new master key',
  details: `Every host must be stopped. All secrets are sealed anew or none; done again after it was
interrupted, it ends what it began.
The new key is COFFERDAM_MASTER_KEY. Without it one is made, and replaces the key in COFFERDAM_DATA_DIR.
--old-key-file  Where the key of now is, in base64 (default master.key in COFFERDAM_DATA_DIR)`,
  async run(args) {
    const options = { 'old-key-file': { type: 'string' } } as const;
    const { values } = readArgs(args, { options, positionals: [] });
    const settings = parseSettings(process.env);
    const given = values['old-key-file'];
    const oldFile = typeof given === 'string' ? given : masterKeyFile(settings.dataDir);
    await using tables = await openTables(settings, 'alone');
    if (settings.masterKey === undefined) {
      await rotateFile(tables, settings, oldFile);
    } else {
      const isDone = await isSealedWith(tables, settings.masterKey);
      // The old key may be gone already when it ran to its end before.
      const from = isDone ? settings.masterKey : readKeyFile(oldFile);
      await report(tables, await rotateKey(tables, { from, to: settings.masterKey }));
    }
    return 0;
  },
};

/** The new key is on disk before a secret is sealed with it, and takes the old one's place at the end. */
async function rotateFile(tables: Tables, settings: Settings, oldFile: string): Promise<void> {
  const file = masterKeyFile(settings.dataDir);
  const next = `${file}.new`;
  if (!existsSync(next)) writeKeyFile(next, randomBytes(32));
  const to = readKeyFile(next);
  const from = (await isSealedWith(tables, to)) ? to : readKeyFile(oldFile);
  const rotation = await rotateKey(tables, { from, to });
  if (existsSync(file)) {
    const kept = `${file}.${new Date().toISOString().replaceAll(/[-:.]/g, '')}`;
    // A second name first, then one step from old to new: at no time there is no key.
    linkSync(file, kept);
    process.stdout.write(`The old key is kept in ${kept}: backups of before need it\n`);
  }
  renameSync(next, file);
  await report(tables, { ...rotation, changed: true });
}

async function isSealedWith(tables: Tables, key: Uint8Array): Promise<boolean> {
  const mark = await findKeyMark(tables);
  return mark !== undefined && opensKeyMark(mark, key);
}

async function report(tables: Tables, { changed, secrets }: Rotation): Promise<void> {
  if (changed) await noteAudit(tables, 'store.rotate-key', { secrets });
  const done = changed
    ? `The new master key holds: ${secrets} secrets were sealed anew`
    : 'Nothing to do: the store is sealed with this key already';
  process.stdout.write(`${done}\n`);
}
