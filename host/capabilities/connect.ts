// Connections to vetted addresses: one pool per origin and address, for one instance. TLS is always
// checked before a byte is sent: by the system's roots, by a given CA, or by a pinned fingerprint.

import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';

import { Pool } from 'undici';
import type { buildConnector } from 'undici';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** What an admin trusts besides the system's roots. */
export type Trust = {
  /** SHA-256 of the certificate, hex, colons or not; several are alternatives. */
  readonly fingerprints: readonly string[];
  /** PEM of a CA */
  readonly ca: string | undefined;
};

/** Where to connect and what to expect there. */
export type Vetted = {
  readonly origin: string;
  readonly hostname: string;
  readonly address: string;
  readonly port: number;
};

/**
 * Moves a vetted connection to another place, for tests and fakes; what was decided stays decided.
 * `plain` leaves TLS away.
 */
export type Detour = (vetted: Vetted) =>
  | {
      readonly address: string;
      readonly port: number;
      readonly ca?: string;
      readonly plain?: boolean;
    }
  | undefined;

type Connect = buildConnector.connector;
type Done = Parameters<Connect>[1];

/** The pools of one instance. */
export class Connections {
  readonly #trust: Trust;
  readonly #detour: Detour | undefined;
  readonly #pools = new Map<string, Pool>();

  constructor(trust: Trust, detour?: Detour) {
    this.#trust = trust;
    this.#detour = detour;
  }

  /** The pool for a vetted target; the least used one is closed when there are too many. */
  pool(vetted: Vetted): Pool {
    const key = `${vetted.origin} ${vetted.address}`;
    const known = this.#pools.get(key);
    if (known !== undefined) {
      this.#pools.delete(key);
      this.#pools.set(key, known);
      return known;
    }
    for (const [oldest, pool] of this.#pools) {
      if (this.#pools.size < LIMITS.poolsPerInstance) break;
      this.#pools.delete(oldest);
      void pool.close();
    }
    const pool = new Pool(vetted.origin, {
      connections: LIMITS.connectionsPerOrigin,
      pipelining: 1,
      connect: (options, done) => this.#connect(vetted, options, done),
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: LIMITS.responseHeaderBytes,
      keepAliveTimeout: LIMITS.keepAliveMs,
    });
    this.#pools.set(key, pool);
    return pool;
  }

  /** Ends every connection now. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.allSettled(pools.map((pool) => pool.destroy()));
  }

  #connect(vetted: Vetted, { protocol }: Parameters<Connect>[0], done: Done): void {
    const detour = this.#detour?.(vetted);
    const { address, port } = detour ?? vetted;
    const plain = protocol === 'http:' || detour?.plain === true;
    const ca = detour?.ca ?? this.#trust.ca;
    const servername = isIP(vetted.hostname) === 0 ? vetted.hostname : undefined;
    const socket = plain
      ? connectTcp({ host: address, port, noDelay: true })
      : connectTls({
          host: address,
          port,
          ...(servername === undefined ? {} : { servername }),
          ...(ca === undefined ? {} : { ca }),
          ALPNProtocols: ['http/1.1'],
          // Judged below, before anything is sent, so that a refusal can show the certificate.
          rejectUnauthorized: false,
        });
    socket.setKeepAlive(true, 60_000);
    const timer = setTimeout(() => {
      socket.destroy(
        new HostError(
          'REMOTE_TIMED_OUT',
          `No connection to "${vetted.hostname}" in ${LIMITS.connectMs} ms`,
        ),
      );
    }, LIMITS.connectMs);
    const settle = (...result: Parameters<Done>): void => {
      clearTimeout(timer);
      socket.off('error', onError);
      done(...result);
    };
    const onError = (error: Error): void => settle(error, null);
    socket.once('error', onError);
    socket.once(plain ? 'connect' : 'secureConnect', () => {
      const refusal = plain ? undefined : this.#judge(socket as TLSSocket, vetted);
      if (refusal === undefined) return settle(null, socket);
      settle(refusal, null);
      socket.destroy();
    });
  }

  #judge(socket: TLSSocket, { hostname }: Vetted): HostError | undefined {
    const presented = normalPrint(socket.getPeerCertificate().fingerprint256 ?? '');
    const { fingerprints } = this.#trust;
    if (fingerprints.length > 0) {
      if (fingerprints.some((print) => normalPrint(print) === presented)) return undefined;
      return certificateError(hostname, presented, 'it is not the pinned one');
    }
    if (socket.authorized) return undefined;
    const why = String(
      (socket.authorizationError as Error | undefined)?.message ?? socket.authorizationError,
    );
    return certificateError(hostname, presented, why);
  }
}

function certificateError(hostname: string, presented: string, why: string): HostError {
  return new HostError(
    'REMOTE_CERTIFICATE',
    `The certificate of "${hostname}" is not trusted: ${why.slice(0, 200)}`,
    {
      remedy: `Compare the SHA-256 fingerprint ${presented} with the one shown on the server, then pin it in the config`,
      details: { sha256: presented, hostname },
    },
  );
}

/** Upper-case hex pairs with colons. */
function normalPrint(text: string): string {
  const hex = text.replaceAll(/[^0-9a-fA-F]/g, '').toUpperCase();
  return hex.match(/../g)?.join(':') ?? '';
}
