// Durable writes: the embedded store in groups, against PostgreSQL with sixteen connections. And its opening.

import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Pool } from 'pg';

import { openStore } from '../../../host/store/open.ts';
import { postgresMissing, startPostgres } from '../../helpers/postgres.ts';
import { divide, flood, inTurns, median, timed } from '../measure.ts';
import type { Effort, Result } from '../measure.ts';
import { Scope } from '../processes.ts';
import { thousands } from './http.ts';

const KEYS = 10_000;

/** Values of 200 bytes that change with every write: an unchanged one is not written at all. */
export async function storeRows({ rounds, scale }: Effort): Promise<Result[]> {
  await using scope = new Scope();
  const dir = await scope.folder();
  const store = await openStore({ dataDir: dir, databaseUrl: undefined });
  scope.defer(async () => store[Symbol.asyncDispose]());
  let written = 0;
  const next = (): { key: string; value: string } => {
    written += 1;
    return { key: `key-${written % KEYS}`, value: String(written).padEnd(200, 'x') };
  };
  const putOurs = (): Promise<unknown> => {
    const { key, value } = next();
    const entry = { key, value, expiresMs: null };
    return store.putValue('others/bench/default', entry, { quotaBytes: 1e9, nowMs: Date.now() });
  };
  const opens = await inTurns(rounds, { open: () => openOnce(join(dir, 'second')) });
  const opening: Result = {
    what: 'store open',
    unit: 'ms',
    target: { atMost: 5 },
    values: opens.open,
  };
  const missing = postgresMissing();
  if (missing !== undefined) {
    process.stderr.write(`${missing}\n`);
    return [opening];
  }
  // On the disk, as the store that it is compared with.
  const postgres = await startPostgres(tmpdir());
  scope.defer(async () => postgres[Symbol.asyncDispose]());
  const pool = new Pool({ connectionString: postgres.url, max: 16 });
  scope.defer(() => pool.end());
  // The server ends with the row, at times before the last connection has been closed.
  pool.on('error', (error) => process.stderr.write(`PostgreSQL: ${error.message}\n`));
  await pool.query('CREATE TABLE bench (key text PRIMARY KEY, value text NOT NULL)');
  const putTheirs = (): Promise<unknown> => {
    const { key, value } = next();
    return pool.query({
      name: 'put',
      text: 'INSERT INTO bench VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2',
      values: [key, value],
    });
  };
  const taken = await inTurns(rounds, {
    ours: () => flood(putOurs, { inFlight: 64, durationMs: 1_500 * scale }),
    theirs: () => flood(putTheirs, { inFlight: 16, durationMs: 1_500 * scale }),
  });
  return [
    {
      what: 'durable commits/s in batches of 64, against PostgreSQL with 16 connections',
      unit: '×',
      target: { atLeast: 5 },
      values: divide(taken.ours, taken.theirs),
      note: `${thousands(taken.ours)} against ${thousands(taken.theirs)}`,
    },
    { ...opening, note: `median of ${opens.open.length}, ${median(opens.open).toFixed(1)} ms` },
  ];
}

/** Opens a store that exists already. */
async function openOnce(dataDir: string): Promise<number> {
  const first = await openStore({ dataDir, databaseUrl: undefined });
  await first[Symbol.asyncDispose]();
  let store: Awaited<ReturnType<typeof openStore>> | undefined;
  const took = await timed(async () => {
    store = await openStore({ dataDir, databaseUrl: undefined });
  });
  await store?.[Symbol.asyncDispose]();
  return took;
}
