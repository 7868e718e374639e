// The tables of a PostgreSQL store for a command, alone or beside the hosts that use them.

import { claimAlone } from './postgres-claim.ts';
import { openPostgres } from './postgres-sql.ts';
import { createPgTables } from './postgres-tables.ts';
import type { Tables } from './tables.ts';

/**
 * Opens them.
 *
 * @param use As of `openTables`
 * @throws {HostError} `HOST_STORE_FAILED`; `CALLER_CONFLICT` when they cannot be had alone
 */
export async function openPostgresTables(url: string, use: 'alone' | 'beside'): Promise<Tables> {
  const sql = await openPostgres(url, 'cofferdam command', use === 'alone');
  try {
    const claim = use === 'alone' ? await claimAlone(sql) : undefined;
    return {
      ...createPgTables(sql),
      async [Symbol.asyncDispose]() {
        await sql.close();
        await claim?.[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await sql.close();
    throw error;
  }
}
