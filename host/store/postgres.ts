// The Store over PostgreSQL: any number of hosts share one, each commit is on the server's disk before
// its promise resolves.

import { randomUUID } from 'node:crypto';

import { createPgAccess, createPgOperations } from './postgres-access.ts';
import { createPgAudit } from './postgres-audit.ts';
import { createPgRecordings } from './postgres-recordings.ts';
import { createPgArchives, createPgGenerations, createPgInstances } from './postgres-records.ts';
import { PostgresSession } from './postgres-session.ts';
import { createPgDeliveries } from './postgres-deliveries.ts';
import { createPgEarned } from './postgres-earned.ts';
import { createPgFacts } from './postgres-facts.ts';
import { createPgSightings } from './postgres-sightings.ts';
import { openPostgres } from './postgres-sql.ts';
import { createPgValues } from './postgres-values.ts';
import type { Store } from './store.ts';

/**
 * Connects, and makes or renews the tables.
 *
 * @param url `postgres://user:password@host:port/database?…`
 * @throws {HostError} `HOST_STORE_FAILED` that says what to do; it never holds the password;
 *   `CALLER_CONFLICT` while a command has the store for itself
 */
export async function openPostgresStore(url: string): Promise<Store> {
  const self = `cofferdam ${randomUUID()}`;
  const sql = await openPostgres(url, self);
  const session = new PostgresSession({ config: sql.config, place: sql.place, self });
  try {
    await session.ready();
  } catch (error) {
    await sql.close();
    throw error;
  }
  let isClosed = false;
  return {
    driver: 'postgres',
    ping: async () => void (await sql.read('SELECT 1')),
    async readClock() {
      const [row] = await sql.read('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms');
      return Number(row?.['ms']);
    },
    listen: (listener) => session.listen(listener),
    exclusive: (key, work, wait) => session.exclusive(key, work, wait),
    ...createPgInstances(sql),
    ...createPgGenerations(sql),
    ...createPgArchives(sql),
    ...createPgAccess(sql),
    ...createPgAudit(sql),
    ...createPgOperations(sql),
    ...createPgValues(sql),
    ...createPgDeliveries(sql, session),
    ...createPgFacts(sql),
    ...createPgEarned(sql),
    ...createPgSightings(sql),
    ...createPgRecordings(sql),
    async [Symbol.asyncDispose]() {
      if (isClosed) return;
      isClosed = true;
      await session.close();
      await sql.close();
    },
  };
}
