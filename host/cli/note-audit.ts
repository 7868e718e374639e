// What the command line does to a store while no host runs goes into its audit as well.

import { userInfo } from 'node:os';

import { HostError } from '../errors.ts';
import type { Cell, Tables } from '../store/tables.ts';

/** Adds a line about the whole store: `store.restore`, done by the user of this machine. */
export async function noteAudit(
  tables: Tables,
  action: string,
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  const audit = (await tables.list()).find(({ name }) => name === 'audit');
  if (audit === undefined) {
    throw new HostError('HOST_STORE_FAILED', 'The store has no table of the audit');
  }
  const line: Readonly<Record<string, Cell>> = {
    at: new Date().toISOString(),
    actor: `command line: ${userName()}`,
    role: 'system',
    action,
    subject: 'store',
    outcome: 'done',
    details: JSON.stringify(details),
  };
  // The store numbers it.
  const columns = audit.columns.filter(({ name }) => name !== 'id');
  const row = columns.map(({ name }) => line[name] ?? null);
  await tables.transaction((writer) => writer.insert({ name: audit.name, columns }, [row]));
}

function userName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    // A container may run under a number that has no name.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SYSTEM_ERROR') throw error;
    return String(process.getuid?.() ?? 'unknown');
  }
}
