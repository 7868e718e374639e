// What PostgreSQL and the way to it answer, as one failure that says what to do. The password is never
// part of it: a database is named by host, port, name and user.

import { HostError } from '../errors.ts';

/** Where a store is, without the password. */
export type PostgresPlace = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
};

const SETTING = 'COFFERDAM_DATABASE_URL';

/** SQLSTATE or errno → what to do about it. @see https://www.postgresql.org/docs/18/errcodes-appendix.html */
const REMEDIES: Readonly<Record<string, (place: PostgresPlace) => string>> = {
  '28P01': ({ user }) => `Correct the password of "${user}" in ${SETTING}`,
  '28000': ({ user }) => `Let "${user}" in (the role, pg_hba.conf), or correct ${SETTING}`,
  '3D000': ({ database }) => `Make it with: createdb ${database}; or correct ${SETTING}`,
  '42501': ({ database, user }) =>
    `Give the right: GRANT CREATE ON DATABASE "${database}" TO "${user}"`,
  '53300': () => 'Raise max_connections of the server, or run fewer hosts on it',
  '57P03': () => 'The server is starting or stopping: try again in a moment',
  '53100': () => 'Make room on the disk of the database server',
  '25006': () => `The server is a read-only replica: name the primary in ${SETTING}`,
  ECONNREFUSED: () => `Start PostgreSQL there, or correct ${SETTING}`,
  ENOTFOUND: () => `Correct the host name in ${SETTING}, or its DNS`,
  EAI_AGAIN: () => `Correct the host name in ${SETTING}, or its DNS`,
  ETIMEDOUT: () => 'Look at the network and the firewall between this host and the database',
  EHOSTUNREACH: () => 'Look at the network and the firewall between this host and the database',
};

/** Any failure of `pg` as `HOST_STORE_FAILED`; a `HostError` stays what it is. */
export function postgresError(error: unknown, doing: string, place: PostgresPlace): HostError {
  if (error instanceof HostError) return error;
  const { host, port, database, user } = place;
  const code = codeOf(error);
  const where = `"${database}" at ${host}:${port} as "${user}"`;
  const said = error instanceof Error && error.message !== '' ? error.message : code;
  const remedy = REMEDIES[code]?.(place) ?? 'Look at the log of the database server';
  return new HostError('HOST_STORE_FAILED', `Cannot ${doing} PostgreSQL ${where}: ${said}`, {
    remedy,
    details: code === '' ? {} : { code },
    cause: error,
  });
}

/** Whether the connection failed, not the statement: nobody knows whether a write has happened. */
export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  // Class 08: connection exceptions; 57P0x: the server ends its sessions.
  if (/^(?:08|57P0)/.test(code)) return true;
  return error instanceof Error && !/^[0-9A-Z]{5}$/.test(code);
}

/** SQLSTATE, errno, or '' */
export function codeOf(error: unknown): string {
  // Node gathers the failures of every address of a name.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string') return code;
  // pg has no code for its own timeouts.
  return typeof message === 'string' && /timeout/i.test(message) ? 'ETIMEDOUT' : '';
}

/** A statement that failed wrote nothing; after a lost connection nobody knows. */
export function wroteNothing(error: unknown): boolean {
  return !isConnectionLoss(error instanceof Error ? (error.cause ?? error) : error);
}
