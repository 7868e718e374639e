// One connection of a host that is not in the pool, from its making to its loss. What it holds the server
// takes back as soon as it ends; its owner makes another one then.

import { randomBytes } from 'node:crypto';

import { Client } from 'pg';
import type { ClientConfig } from 'pg';

import { LIMITS } from '../limits.ts';
import { claimDatabase } from './postgres-claim.ts';
import { showPresence } from './postgres-presence.ts';
import { CHANNEL } from './postgres-schema.ts';
import type { Row } from './rows.ts';

/** What a link starts from. */
export type LinkPowers = {
  readonly config: ClientConfig;
  /** The host that it shows to live. */
  readonly hostId: string;
  /** Told of what other hosts change. */
  readonly onNotice: (payload: string) => void;
};

/** The connection. */
export class PostgresLink {
  /** Names it among all links there ever were: locked for as long as it lives. */
  readonly token: string = randomBytes(8).readBigInt64BE().toString();
  readonly #client: Client;
  readonly #loss = new AbortController();
  #last: Promise<unknown> = Promise.resolve();

  private constructor({ config, onNotice }: LinkPowers) {
    this.#client = new Client(config);
    // An error without a listener would end the process.
    this.#client.on('error', () => this.giveUp());
    this.#client.on('end', () => this.giveUp());
    this.#client.on('notification', ({ payload = '' }) => onNotice(payload));
  }

  /** Connects, and shows that the host lives; notices are heard when it resolves. */
  static async open(powers: LinkPowers): Promise<PostgresLink> {
    const link = new PostgresLink(powers);
    const client = link.#client;
    try {
      await client.connect();
      await claimDatabase(client, 'host');
      await showPresence(client, powers.hostId);
      await client.query('SELECT pg_advisory_lock($1::bigint)', [link.token]);
      await client.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      link.giveUp();
      throw error;
    }
    link.#watch();
    return link;
  }

  /** Aborts when the connection is lost, or given up. */
  get lost(): AbortSignal {
    return this.#loss.signal;
  }

  /** Runs one statement after those before it; one that fails leaves the link given up. */
  query(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const answer = this.#last.then(async () => {
      try {
        return (await this.#client.query<Row>(text, [...values])).rows;
      } catch (error) {
        this.giveUp();
        throw error;
      }
    });
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** The reason is in the log of the server; the next link meets it again if it lasts. */
  giveUp(): void {
    if (this.lost.aborted) return;
    this.#loss.abort();
    void this.#client.end().catch(() => undefined);
  }

  /** Ends it once what was asked is answered. */
  async close(): Promise<void> {
    await this.#last;
    await this.#client.end();
    this.giveUp();
  }

  /** A connection can die without a word; a question now and then finds out. */
  #watch(): void {
    const look = setInterval(() => {
      // A failed one has given the link up.
      this.query('SELECT 1').catch(() => undefined);
    }, LIMITS.storeSessionLookMs).unref();
    this.lost.addEventListener('abort', () => clearInterval(look));
  }
}
