// Who uses a PostgreSQL store: any number of hosts, or one command that needs it for itself. Kept as an
// advisory lock of a connection, which the server takes back when that ends.

import { Client } from 'pg';

import { claimError } from './claim.ts';
import type { StoreUse } from './claim.ts';
import { postgresError } from './postgres-errors.ts';
import type { PgSql } from './postgres-sql.ts';

/** Any numbers that stay the same. */
const CLAIM = '1129268296, 0';

/** Takes the claim for as long as the connection lives. @throws {HostError} `CALLER_CONFLICT` */
export async function claimDatabase(client: Client, use: StoreUse): Promise<void> {
  const take = use === 'host' ? 'pg_try_advisory_lock_shared' : 'pg_try_advisory_lock';
  const { rows } = await client.query<{ held: boolean }>(`SELECT ${take}(${CLAIM}) AS held`);
  if (rows[0]?.held !== true) throw claimError(use);
}

/** Takes a database for the caller alone, until it is disposed of. */
export async function claimAlone({ config, place }: PgSql): Promise<AsyncDisposable> {
  const client = new Client(config);
  // Its end gives the claim back; what is under way then meets the same failure itself.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await claimDatabase(client, 'alone');
  } catch (error) {
    await client.end().catch(() => undefined);
    throw postgresError(error, 'lock', place);
  }
  return { [Symbol.asyncDispose]: () => client.end() };
}
