// `cofferdam backup`, `restore` and `migrate-store`: everything that a store keeps, to a file, from a file,
// from SQLite to PostgreSQL.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { HostError } from '../errors.ts';
import { parseSettings } from '../settings.ts';
import { backUp, restoreBackup } from '../store/backup.ts';
import { masterKeyFile } from '../store/master-key.ts';
import { databaseFile, openTables } from '../store/open.ts';
import type { StoreLocation } from '../store/open.ts';
import { copyTables } from '../store/tables.ts';
import type { CopyCount } from '../store/tables.ts';
import { noteAudit } from './note-audit.ts';
import { readArgs, UsageError } from './usage.ts';
import type { Command } from './usage.ts';

export const backup: Command = {
  usage: 'backup <file>',
  summary: 'Write everything that the store keeps into one file',
  details: `Hosts may run meanwhile. The master key is not in the file: keep it elsewhere.
Settings: COFFERDAM_DATA_DIR, COFFERDAM_DATABASE_URL`,
  async run(args) {
    const { positionals } = readArgs(args, { options: {}, positionals: ['file'] });
    const file = resolve(positionals[0] ?? '');
    const settings = parseSettings(process.env);
    assertKept(settings);
    await using tables = await openTables(settings, 'beside');
    report(await backUp(tables, file), `written to ${file}`);
    return 0;
  },
};

export const restore: Command = {
  usage: 'restore <file> [--replace]',
  summary: 'Fill the store from a backup, whole or not at all',
  details: `Every host must be stopped. The hosts then need the master key of the time of the backup.
--replace  Lose what the store holds now
Settings: COFFERDAM_DATA_DIR, COFFERDAM_DATABASE_URL`,
  async run(args) {
    const options = { replace: { type: 'boolean' } } as const;
    const { values, positionals } = readArgs(args, { options, positionals: ['file'] });
    const file = resolve(positionals[0] ?? '');
    await using tables = await openTables(parseSettings(process.env), 'alone');
    const replace = values['replace'] === true;
    const counts = await restoreBackup(file, tables, { replace });
    await noteAudit(tables, 'store.restore', { file, replace });
    report(counts, `restored from ${file}`);
    return 0;
  },
};

export const migrate: Command = {
  usage: 'migrate-store <sqlite data dir> <postgres url>',
  summary: 'Copy a SQLite store into an empty PostgreSQL database',
  details: `Every host must be stopped. The SQLite file stays as it is.
Afterwards start with COFFERDAM_DATABASE_URL, and with the same COFFERDAM_MASTER_KEY on every host.`,
  async run(args) {
    const names = ['sqlite data dir', 'postgres url'];
    const { positionals } = readArgs(args, { options: {}, positionals: names });
    const [dataDir = '', url = ''] = positionals;
    if (!/^postgres(?:ql)?:\/\//.test(url)) {
      throw new UsageError('The second argument must be a URL that starts with postgres://');
    }
    const source = { dataDir: resolve(dataDir), databaseUrl: undefined };
    assertKept(source);
    await using from = await openTables(source, 'alone');
    await using to = await openTables({ ...source, databaseUrl: url }, 'alone');
    const counts = await copyTables(from, to, { replace: false });
    await noteAudit(to, 'store.migrate', { from: source.dataDir });
    report(counts, 'copied to PostgreSQL');
    const key = masterKeyFile(source.dataDir);
    if (existsSync(key)) {
      process.stdout.write(`Set COFFERDAM_MASTER_KEY on every host to the text of ${key}\n`);
    }
    return 0;
  },
};

/** A wrong folder must not read as an empty store. */
function assertKept({ dataDir, databaseUrl }: StoreLocation): void {
  if (databaseUrl !== undefined || existsSync(databaseFile(dataDir))) return;
  throw new HostError('CALLER_NOT_FOUND', `There is no store in "${dataDir}"`, {
    remedy: 'Name the COFFERDAM_DATA_DIR that the host runs with',
  });
}

function report(counts: CopyCount, done: string): void {
  const parts = Object.entries(counts).map(([table, rows]) => `${table} ${rows}`);
  process.stdout.write(`${parts.join(', ')}: ${done}\n`);
}
