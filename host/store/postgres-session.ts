// The one connection of a host that is not in the pool: it hears what other hosts change and holds the
// keys of exclusive work. A lost one is made anew; what may have been missed is told as `all`.

import { Client } from 'pg';
import type { ClientConfig } from 'pg';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { claimDatabase } from './postgres-claim.ts';
import { isConnectionLoss, postgresError } from './postgres-errors.ts';
import type { PostgresPlace } from './postgres-errors.ts';
import { showPresence } from './postgres-presence.ts';
import type { HostPresence } from './postgres-presence.ts';
import { CHANNEL } from './postgres-schema.ts';
import type { Store, StoreNotice, TurnWait } from './store.ts';
import { createTurns } from './turns.ts';

/** Advisory locks have two numbers: ours, and that of the key. */
const LOCK_SPACE = 1_129_268_295;

type Powers = {
  readonly config: ClientConfig;
  readonly place: PostgresPlace;
  /** This host's application_name; notices of its own are not told. */
  readonly self: string;
};

/** Connects when it is first needed. */
export class PostgresSession implements Pick<Store, 'listen' | 'exclusive'>, HostPresence {
  readonly #powers: Powers;
  readonly #listeners: ((notice: StoreNotice) => void)[] = [];
  readonly #inTurn = createTurns();
  #client: Promise<Client> | undefined;
  /** The client of that promise, once it is connected. */
  #live: Client | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #pauseMs: number = LIMITS.storeReconnectMs;
  #isClosed = false;

  constructor(powers: Powers) {
    this.#powers = powers;
  }

  listen(listener: (notice: StoreNotice) => void): void {
    this.#listeners.push(listener);
    // Tells `all` as well: what was changed before this call was not heard.
    if (this.#listeners.length === 1) this.#start();
    else if (this.#live !== undefined) listener({ kind: 'all' });
  }

  hostId(): string | null {
    return this.#live === undefined ? null : this.#powers.self;
  }

  /** Resolves once notices are heard. */
  async ready(): Promise<void> {
    await this.#connected();
  }

  exclusive<T>(key: string, work: () => Promise<T>, wait?: TurnWait): Promise<T> {
    const { waitMs, late } = wait ?? {
      waitMs: LIMITS.storeLockWaitMs,
      late: () => heldTooLong(key),
    };
    return this.#inTurn(key, async () => {
      const client = await this.#lock(key, { waitMs, late });
      try {
        return await work();
      } finally {
        // A connection that was lost has given its keys up already.
        await client
          .query('SELECT pg_advisory_unlock($1, hashtext($2))', [LOCK_SPACE, key])
          .catch(() => this.#drop(client));
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#reconnect);
    const client = await this.#client?.catch(() => undefined);
    await client?.end();
  }

  async #lock(key: string, { waitMs, late }: TurnWait): Promise<Client> {
    const untilMs = performance.now() + waitMs;
    let pauseMs: number = LIMITS.storeLockTryMs;
    for (;;) {
      const client = await this.#connected();
      const text = 'SELECT pg_try_advisory_lock($1, hashtext($2)) AS held';
      try {
        const { rows } = await client.query<{ held: boolean }>(text, [LOCK_SPACE, key]);
        if (rows[0]?.held === true) return client;
      } catch (error) {
        // Asking again on a new connection is harmless: a lost one holds nothing.
        if (!isConnectionLoss(error) || performance.now() > untilMs) {
          throw postgresError(error, 'lock in', this.#powers.place);
        }
        this.#drop(client);
      }
      if (performance.now() > untilMs) throw late();
      // A blocking lock would keep this connection from hearing notices and giving other keys back.
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs = Math.min(pauseMs * 2, LIMITS.storeLockTryMsMax);
    }
  }

  async #connected(): Promise<Client> {
    if (this.#isClosed) throw new HostError('HOST_DRAINING', 'The host is shutting down');
    const connecting = (this.#client ??= this.#connect());
    try {
      return await connecting;
    } catch (error) {
      if (this.#client === connecting) this.#client = undefined;
      throw postgresError(error, 'connect to', this.#powers.place);
    }
  }

  /** Keeps trying in the background, for notices; `all` is told once there is a connection again. */
  #start(): void {
    this.#client ??= this.#connect();
    this.#client.then(
      () => {
        this.#pauseMs = LIMITS.storeReconnectMs;
        this.#tell({ kind: 'all' });
      },
      () => this.#startLater(),
    );
  }

  #startLater(): void {
    this.#client = undefined;
    if (this.#isClosed || this.#listeners.length === 0) return;
    clearTimeout(this.#reconnect);
    this.#reconnect = setTimeout(() => this.#start(), this.#pauseMs).unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, LIMITS.storeReconnectMsMax);
  }

  async #connect(): Promise<Client> {
    const client = new Client(this.#powers.config);
    // An error without a listener would end the process.
    client.on('error', () => this.#drop(client));
    client.on('notification', ({ payload = '' }) => this.#hear(payload));
    try {
      await client.connect();
      await claimDatabase(client, 'host');
      await showPresence(client, this.#powers.self);
      await client.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    client.on('end', () => this.#drop(client));
    this.#watch(client);
    this.#live = client;
    return client;
  }

  /** A connection can die without a word; a question now and then finds out. */
  #watch(client: Client): void {
    const look = setInterval(() => {
      client.query('SELECT 1').catch(() => this.#drop(client));
    }, LIMITS.storeSessionLookMs).unref();
    client.on('end', () => clearInterval(look));
  }

  /** The reason is in the log of the server; the next use, or the next try, meets it again if it lasts. */
  #drop(client: Client): void {
    if (this.#live !== client) return;
    this.#live = undefined;
    this.#startLater();
    void client.end().catch(() => undefined);
  }

  #hear(payload: string): void {
    const { from, ...notice } = JSON.parse(payload) as StoreNotice & { from: string };
    if (from !== this.#powers.self) this.#tell(notice);
  }

  #tell(notice: StoreNotice): void {
    for (const listener of this.#listeners) listener(notice);
  }
}

function heldTooLong(key: string): HostError {
  return new HostError(
    'HOST_OVERLOADED',
    `Another host is changing "${key}" and has not finished`,
    {
      remedy: 'Try again in a moment; look at what that host is doing',
      details: { waitedMs: LIMITS.storeLockWaitMs },
    },
  );
}
