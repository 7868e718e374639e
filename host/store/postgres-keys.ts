// Keys of exclusive work as locks of a link, and the fence around what is written under one: it commits only
// while that link lives, and whoever gets the key next waits for what passed the fence before.

import { HostError } from '../errors.ts';
import type { PostgresLink } from './postgres-link.ts';
import { isTrue } from './postgres-sql.ts';
import type { PgRun, PgSql } from './postgres-sql.ts';

/** Advisory locks have two numbers: ours, and that of the key. Held by the link of a host at a time. */
const KEY_SPACE = 1_129_268_295;
/** Shared by the transactions that write under a key; whoever takes the key waits until there are none. */
const WRITING_SPACE = 1_129_268_299;

const TAKE = `WITH taken AS MATERIALIZED (SELECT pg_try_advisory_lock($1, hashtext($2)) AS held)
  SELECT held, CASE WHEN held THEN pg_try_advisory_xact_lock($3, hashtext($2)) END AS free FROM taken`;
const GIVE_BACK = 'SELECT pg_advisory_unlock($1, hashtext($2))';
/** In this order: a link that ends behind the second look has no successor before this transaction's end. */
const CHECK = `SELECT CASE WHEN pg_try_advisory_xact_lock_shared($1, hashtext($2))
  THEN NOT pg_try_advisory_xact_lock_shared($3::bigint) ELSE false END AS held`;

/** One try for a key. @returns undefined while another host holds it, or still writes under it */
export async function tryKey(link: PostgresLink, key: string): Promise<HeldKey | undefined> {
  const [row] = await link.query(TAKE, [KEY_SPACE, key, WRITING_SPACE]);
  if (!isTrue(row?.['held'])) return undefined;
  if (isTrue(row?.['free'])) return new HeldKey(link, key);
  await link.query(GIVE_BACK, [KEY_SPACE, key]);
  return undefined;
}

/** A key that a link holds. */
export class HeldKey {
  readonly #link: PostgresLink;
  readonly #key: string;
  readonly #loss = new AbortController();
  readonly #writing = new Set<Promise<unknown>>();
  readonly #lose = (): void => this.#loss.abort(lostKey(this.#key));

  constructor(link: PostgresLink, key: string) {
    this.#link = link;
    this.#key = key;
    if (link.lost.aborted) this.#lose();
    else link.lost.addEventListener('abort', this.#lose);
  }

  /** Aborts with the link, or when the key was given back. */
  get signal(): AbortSignal {
    return this.#loss.signal;
  }

  /** The same statements; what changes something does so only while the key is held. */
  fence(sql: PgSql): PgSql {
    const transaction: PgSql['transaction'] = (work) =>
      this.#write(() =>
        sql.transaction(async (run) => {
          await this.#check(run);
          return work(run);
        }),
      );
    return {
      ...sql,
      transaction,
      write: (text, ...values) => transaction((run) => run(text, ...values)),
    };
  }

  /** Once what was written under it has ended. Its word to the server is not waited for: others follow it. */
  async giveBack(): Promise<void> {
    while (this.#writing.size > 0) await Promise.allSettled(this.#writing);
    this.#link.lost.removeEventListener('abort', this.#lose);
    this.#lose();
    // A link that is lost has given its keys up already.
    this.#link.query(GIVE_BACK, [KEY_SPACE, this.#key]).catch(() => undefined);
  }

  async #write<T>(work: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const writing = work();
    this.#writing.add(writing);
    return writing.finally(() => this.#writing.delete(writing));
  }

  async #check(run: PgRun): Promise<void> {
    const [row] = await run(CHECK, WRITING_SPACE, this.#key, this.#link.token);
    if (isTrue(row?.['held'])) return;
    this.#link.giveUp();
    throw lostKey(this.#key);
  }
}

function lostKey(key: string): HostError {
  return new HostError(
    'HOST_STORE_FAILED',
    `This host does not hold "${key}" any more: its connection to the database was lost`,
    { remedy: 'Another host may work on it now: look what became of it before you ask again' },
  );
}
