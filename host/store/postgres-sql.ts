// A bounded pool of connections to one PostgreSQL: prepared statements, transactions, the way to the
// newest schema. Knows no table but the version's.

import { Client, Pool, TypeOverrides, types } from 'pg';
import type { ClientConfig, PoolClient } from 'pg';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { assertVersion } from './claim.ts';
import { isConnectionLoss, postgresError } from './postgres-errors.ts';
import type { PostgresPlace } from './postgres-errors.ts';
import { POSTGRES_STEPS, SCHEMA } from './postgres-schema.ts';
import type { Row } from './rows.ts';
import { createSlots, createTurns } from './turns.ts';
import type { Turns } from './turns.ts';

/** What a statement takes. */
export type PgValue = string | number | null | Uint8Array | readonly (string | number | null)[];

/** Runs one statement on the connection it belongs to. */
export type PgRun = (text: string, ...values: PgValue[]) => Promise<Row[]>;

/** Runs statements of one database. */
export type PgSql = {
  readonly place: PostgresPlace;
  /** What a connection outside the pool starts from. */
  readonly config: ClientConfig;
  /** A statement that changes nothing: tried once more when its connection is lost. */
  readonly read: PgRun;
  /** One statement, committed when its promise resolves. */
  readonly write: PgRun;
  /** Several statements that commit together or not at all. */
  transaction<T>(work: (run: PgRun) => Promise<T>): Promise<T>;
  /**
   * Work that may wait for a lock of the database: one of a key at a time, and never on every connection, so
   * that others are answered while another host keeps its locks.
   */
  readonly inTurn: Turns;
  /** Work that closing waits for. */
  track(work: Promise<void>): void;
  close(): Promise<void>;
};

/** Takes the migration's turn among hosts that start together; any number that stays the same. */
const MIGRATION_LOCK = '7165893203117344';

/** Counters and milliseconds are all far below 2 ** 53. */
const parsers = new TypeOverrides();
parsers.setTypeParser(types.builtins.INT8, Number);

/** Opens the pool, tries a connection, takes the schema to the newest version or refuses an older one. */
export async function openPostgres(
  url: string,
  applicationName: string,
  mayRenew = true,
): Promise<PgSql> {
  const config = configOf(url, applicationName);
  const place = placeOf(config);
  const pool = new Pool({
    ...config,
    max: LIMITS.storeConnections,
    idleTimeoutMillis: LIMITS.storeIdleConnectionMs,
  });
  // An idle connection that ends is replaced by the pool; the next statement tells when that fails.
  pool.on('error', () => undefined);
  const sql = createPgSql(pool, config, place);
  try {
    await migrate(sql, mayRenew);
    return sql;
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function createPgSql(pool: Pool, config: ClientConfig, place: PostgresPlace): PgSql {
  const tracked = new Set<Promise<void>>();
  const turns = createTurns();
  const slots = createSlots(LIMITS.storeLockingConnections);
  const names = new Map<string, string>();
  const nameOf = (text: string): string => {
    const known = names.get(text);
    if (known !== undefined) return known;
    const made = `cofferdam_${names.size}`;
    names.set(text, made);
    return made;
  };
  const runOn =
    (target: Pool | PoolClient): PgRun =>
    async (text, ...values) => {
      const query = { name: nameOf(text), text, values: values.map(toParameter) };
      return (await target.query<Row>(query)).rows;
    };
  const once = runOn(pool);
  const fail = (error: unknown, doing: string): HostError => postgresError(error, doing, place);
  return {
    place,
    config,
    inTurn: (key, work) => turns(key, () => slots(work)),
    async read(text, ...values) {
      try {
        return await once(text, ...values).catch((error: unknown) => {
          if (!isConnectionLoss(error)) throw error;
          return once(text, ...values);
        });
      } catch (error) {
        throw fail(error, 'read from');
      }
    },
    async write(text, ...values) {
      try {
        return await once(text, ...values);
      } catch (error) {
        throw fail(error, 'write to');
      }
    },
    async transaction(work) {
      const client = await pool.connect().catch((error: unknown) => {
        throw fail(error, 'connect to');
      });
      try {
        return await runTransaction(client, () => work(runOn(client)));
      } catch (error) {
        // What the work itself throws, such as a change that refuses, is not the store's failure.
        throw isFromPg(error) ? fail(error, 'write to') : error;
      }
    },
    track(work) {
      const ending = work.finally(() => tracked.delete(ending));
      tracked.add(ending);
    },
    async close() {
      while (tracked.size > 0) await Promise.allSettled(tracked);
      if (!pool.ending) await pool.end();
    },
  };
}

/** Commits what `work` did, or undoes it; a connection in doubt does not go back to the pool. */
async function runTransaction<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  let isLost = true;
  try {
    await client.query('BEGIN');
    const value = await work();
    await client.query('COMMIT');
    isLost = false;
    return value;
  } catch (error) {
    if (!isFromPg(error) || !isConnectionLoss(error)) {
      isLost = await client.query('ROLLBACK').then(
        () => false,
        () => true,
      );
    }
    throw error;
  } finally {
    client.release(isLost);
  }
}

function configOf(url: string, applicationName: string): ClientConfig {
  return {
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: LIMITS.storeConnectMs,
    statement_timeout: LIMITS.storeStatementMs,
    // The server may be gone without a word: a little later this side gives up as well.
    query_timeout: LIMITS.storeStatementMs + LIMITS.storeConnectMs,
    idle_in_transaction_session_timeout: LIMITS.storeStatementMs,
    keepAlive: true,
    types: parsers,
  };
}

function placeOf(config: ClientConfig): PostgresPlace {
  try {
    const { host, port, database = '', user = '' } = new Client(config);
    return { host, port, database, user };
  } catch {
    // The parser's own error quotes the URL, and with it the password.
    throw new HostError('HOST_STORE_FAILED', 'COFFERDAM_DATABASE_URL cannot be read as a URL', {
      remedy:
        'Write postgres://user:password@host:5432/database, with %-escapes for special characters in the password',
    });
  }
}

/**
 * What `pg` sends as it is meant. JSON has no null character in it; one in a name would be refused, and
 * means nothing there. A typed array that is no Buffer would be sent as text.
 */
function toParameter(value: PgValue): unknown {
  if (typeof value === 'string') return value.replaceAll('\0', '\uFFFD');
  if (Array.isArray(value)) return value.map(toParameter);
  if (!(value instanceof Uint8Array) || Buffer.isBuffer(value)) return value;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** pg gives booleans as such; rows of SQLite, which share the type, have none. */
export function isTrue(value: unknown): boolean {
  return value === true;
}

function isFromPg(error: unknown): boolean {
  if (error instanceof HostError || !(error instanceof Error)) return false;
  return 'severity' in error || 'errno' in error || /connection|timeout/i.test(error.message);
}

async function migrate(sql: PgSql, mayRenew: boolean): Promise<void> {
  await sql.transaction(async (run) => {
    // A step may take longer than a statement of every day.
    await run(`SET LOCAL statement_timeout = ${LIMITS.storeMigrationMs}`);
    await run(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    const [found] = await run(`SELECT to_regclass('${SCHEMA}.schema_version') IS NOT NULL AS made`);
    if (found?.['made'] !== (true as unknown)) await makeSchema(run);
    const [row] = await run(`SELECT version FROM ${SCHEMA}.schema_version`);
    const version = Number(row?.['version'] ?? 0);
    assertVersion(version, { newest: POSTGRES_STEPS.length, mayRenew });
    for (const step of POSTGRES_STEPS.slice(version)) await runScript(run, step);
    if (version < POSTGRES_STEPS.length) {
      await run(`UPDATE ${SCHEMA}.schema_version SET version = $1`, POSTGRES_STEPS.length);
    }
  });
}

async function makeSchema(run: PgRun): Promise<void> {
  await run(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
  await run(`CREATE TABLE ${SCHEMA}.schema_version (version integer NOT NULL)`);
  await run(`INSERT INTO ${SCHEMA}.schema_version VALUES (0)`);
}

/** A prepared statement holds one command: the commands of a step run one after the other. */
async function runScript(run: PgRun, script: string): Promise<void> {
  for (const command of splitCommands(script)) await run(command);
}

/** At every `;` that ends a line outside of `$$ … $$`. */
function splitCommands(script: string): string[] {
  const commands: string[] = [];
  let open = '';
  for (const [at, piece] of script.split('$$').entries()) {
    if (at % 2 === 1) {
      open += `$$${piece}$$`;
      continue;
    }
    const [first = '', ...rest] = piece.split(/;[ \t]*$/m);
    open += first;
    for (const next of rest) {
      commands.push(open);
      open = next;
    }
  }
  return [...commands, open].map((each) => each.trim()).filter((each) => each !== '');
}
