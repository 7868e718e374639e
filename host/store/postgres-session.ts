// Keeps one link of this host to the database: it hears what other hosts change, and holds the keys of
// exclusive work. A lost one is made anew; what may have been missed is told as `all`.

import type { ClientConfig } from 'pg';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { isConnectionLoss, postgresError } from './postgres-errors.ts';
import type { PostgresPlace } from './postgres-errors.ts';
import { tryKey } from './postgres-keys.ts';
import type { HeldKey } from './postgres-keys.ts';
import { PostgresLink } from './postgres-link.ts';
import type { HostPresence } from './postgres-presence.ts';
import type { Store, StoreNotice, TurnWait } from './store.ts';
import { createTurns } from './turns.ts';

type Powers = {
  readonly config: ClientConfig;
  readonly place: PostgresPlace;
  /** This host's application_name; notices of its own are not told. */
  readonly self: string;
};

/** Connects when it is first needed. */
export class PostgresSession implements Pick<Store, 'listen'>, HostPresence {
  readonly #powers: Powers;
  readonly #listeners: ((notice: StoreNotice) => void)[] = [];
  readonly #inTurn = createTurns();
  #link: Promise<PostgresLink> | undefined;
  /** The link of that promise, from its connection to its loss. */
  #live: PostgresLink | undefined;
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

  /** As the store's own; `work` is given the key that it runs under. */
  exclusive<T>(key: string, work: (held: HeldKey) => Promise<T>, wait?: TurnWait): Promise<T> {
    const { waitMs, late } = wait ?? {
      waitMs: LIMITS.storeLockWaitMs,
      late: () => heldTooLong(key),
    };
    return this.#inTurn(key, async () => {
      const held = await this.#take(key, { waitMs, late });
      try {
        return await work(held);
      } finally {
        await held.giveBack();
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#reconnect);
    const link = await this.#link?.catch(() => undefined);
    await link?.close();
  }

  async #take(key: string, { waitMs, late }: TurnWait): Promise<HeldKey> {
    const untilMs = performance.now() + waitMs;
    let pauseMs: number = LIMITS.storeLockTryMs;
    for (;;) {
      const link = await this.#connected();
      try {
        const held = await tryKey(link, key);
        if (held !== undefined) return held;
      } catch (error) {
        // Asking again on a new link is harmless: a lost one holds nothing.
        if (!isConnectionLoss(error) || performance.now() > untilMs) {
          throw postgresError(error, 'lock in', this.#powers.place);
        }
      }
      if (performance.now() > untilMs) throw late();
      // A blocking lock would keep this link from hearing notices and giving other keys back.
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs = Math.min(pauseMs * 2, LIMITS.storeLockTryMsMax);
    }
  }

  async #connected(): Promise<PostgresLink> {
    if (this.#isClosed) throw new HostError('HOST_DRAINING', 'The host is shutting down');
    const connecting = (this.#link ??= this.#connect());
    try {
      return await connecting;
    } catch (error) {
      if (this.#link === connecting) this.#link = undefined;
      throw postgresError(error, 'connect to', this.#powers.place);
    }
  }

  /** Keeps trying in the background, for notices; `all` is told once there is a link again. */
  #start(): void {
    this.#link ??= this.#connect();
    this.#link.then(
      () => {
        this.#pauseMs = LIMITS.storeReconnectMs;
        this.#tell({ kind: 'all' });
      },
      () => this.#startLater(),
    );
  }

  #startLater(): void {
    this.#link = undefined;
    if (this.#isClosed || this.#listeners.length === 0) return;
    clearTimeout(this.#reconnect);
    this.#reconnect = setTimeout(() => this.#start(), this.#pauseMs).unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, LIMITS.storeReconnectMsMax);
  }

  async #connect(): Promise<PostgresLink> {
    const { config, self } = this.#powers;
    const onNotice = (payload: string): void => this.#hear(payload);
    const link = await PostgresLink.open({ config, hostId: self, onNotice });
    this.#live = link;
    link.lost.addEventListener('abort', () => {
      this.#live = undefined;
      this.#startLater();
    });
    return link;
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
