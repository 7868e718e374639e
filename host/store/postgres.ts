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
import type { PgSql } from './postgres-sql.ts';
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
  const storeOn = (over: PgSql): Omit<Store, 'exclusive'> => ({
    driver: 'postgres',
    ping: async () => void (await over.read('SELECT 1')),
    async readClock() {
      const [row] = await sql.read('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms');
      return Number(row?.['ms']);
    },
    listen: (listener) => session.listen(listener),
    ...createPgInstances(over),
    ...createPgGenerations(over),
    ...createPgArchives(over),
    ...createPgAccess(over),
    ...createPgAudit(over),
    ...createPgOperations(over),
    ...createPgValues(over),
    ...createPgDeliveries(over, session),
    ...createPgFacts(over),
    ...createPgEarned(over),
    ...createPgSightings(over),
    ...createPgRecordings(over),
    async [Symbol.asyncDispose]() {
      if (isClosed) return;
      isClosed = true;
      await session.close();
      await sql.close();
    },
  });
  let isClosed = false;
  const exclusive: Store['exclusive'] = (key, work, wait) =>
    session.exclusive(
      key,
      (held) => {
        const fenced = held.fence(sql);
        const ping = (): Promise<void> => fenced.transaction(() => Promise.resolve());
        return work({
          signal: held.signal,
          store: { ...storeOn(fenced), ping, exclusive },
        });
      },
      wait,
    );
  return { ...storeOn(sql), exclusive };
}
