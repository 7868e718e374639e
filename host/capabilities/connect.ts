// Connections to vetted addresses: one pool per origin and address, for one instance. TLS is always
// checked before a byte is sent. Resolves nothing and decides nothing about addresses.

import { createRequire } from 'node:module';
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';

import type * as Undici from 'undici';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { judge, tlsOptions } from './connect-trust.ts';
import type { Trust } from './connect-trust.ts';
import { remoteError } from './remote-errors.ts';

export type { Trust } from './connect-trust.ts';

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

/** Loaded at the first connection: a tenth of a host's own files, and many hosts send nothing. */
const require = createRequire(import.meta.url);
let undici: typeof Undici | undefined;

type Connect = Undici.buildConnector.connector;
type Done = Parameters<Connect>[1];
/** How to connect: the same for every connection of a pool. */
type Manner = { readonly trust: Trust; readonly waitMs: number };

/** The pools of one instance. */
export class Connections {
  readonly #detour: Detour | undefined;
  readonly #pools = new Map<string, Undici.Pool>();
  readonly #neverOpened = new WeakSet<object>();

  constructor(detour?: Detour) {
    this.#detour = detour;
  }

  /** Whether there is a pool for the target already. */
  has({ origin, address }: Vetted): boolean {
    return this.#pools.has(`${origin} ${address}`);
  }

  /** Whether a request failed before anything of it could be sent. */
  neverOpened(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#neverOpened.has(error);
  }

  /** The pool for a vetted target; the least used one is closed when there are too many. */
  pool(vetted: Vetted, manner: Manner): Undici.Pool {
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
    undici ??= require('undici') as typeof Undici;
    const pool = new undici.Pool(vetted.origin, {
      connections: LIMITS.connectionsPerOrigin,
      pipelining: 1,
      connect: (options, done) => this.#connect(vetted, manner, { options, done }),
      // An exchange has its own deadlines.
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

  #connect(
    vetted: Vetted,
    { trust, waitMs }: Manner,
    { options, done }: { options: Parameters<Connect>[0]; done: Done },
  ): void {
    const { hostname } = vetted;
    const detour = this.#detour?.(vetted);
    const isPlain = options.protocol === 'http:' || detour?.plain === true;
    const socket = open(vetted, detour, isPlain ? undefined : (detour?.ca ?? trust.ca ?? ''));
    const fail = (error: HostError): void => {
      clearTimeout(timer);
      socket.off('error', onError);
      // Errors after this one are of a socket that nobody has.
      socket.on('error', ignoreLate);
      socket.destroy();
      if (error.code !== 'REMOTE_CERTIFICATE') this.#neverOpened.add(error);
      done(error, null);
    };
    const onError = (error: Error): void => fail(remoteError(error, hostname));
    const timer = setTimeout(() => {
      fail(new HostError('REMOTE_TIMED_OUT', `No connection to "${hostname}" in ${waitMs} ms`));
    }, waitMs);
    socket.once('error', onError);
    socket.once(isPlain ? 'connect' : 'secureConnect', () => {
      // A plain socket has no certificate; any other was made by tls.connect.
      const refusal = isPlain ? undefined : judge(socket as TLSSocket, hostname, trust);
      if (refusal !== undefined) return fail(refusal);
      clearTimeout(timer);
      socket.off('error', onError);
      done(null, socket);
    });
  }
}

/** Begins a connection. @param ca undefined for no TLS, empty for the system's roots */
function open(vetted: Vetted, detour: ReturnType<Detour>, ca: string | undefined): Socket {
  const { hostname } = vetted;
  const { address: host, port } = detour ?? vetted;
  // Both are literal addresses: Node resolves nothing here.
  const where = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };
  if (ca === undefined) return connectTcp(where);
  const tls = tlsOptions(hostname, ca === '' ? undefined : ca);
  return connectTls({
    ...where,
    ...tls,
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
  });
}

function ignoreLate(): void {
  // The first error was reported.
}
