// One request of a chain, from a URL to the first part of its answer: decided, resolved, decided again
// and sent to one of the vetted addresses. Knows nothing of redirects and replies.

import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Readable } from 'node:stream';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { CallScope } from './capability.ts';
import { Connections } from './connect.ts';
import type { Detour, Vetted } from './connect.ts';
import { SYSTEM_TRUST } from './connect-trust.ts';
import type { Trust } from './connect-trust.ts';
import { decideAddresses, decideTarget } from './egress.ts';
import type { EgressPolicy, Target } from './egress.ts';
import { Exchange } from './fetch-exchange.ts';
import type { Head } from './fetch-exchange.ts';
import type { Hop } from './fetch-redirect.ts';
import { boundUpload } from './fetch-request.ts';
import { Resolver } from './fetch-resolve.ts';
import type { Resolve } from './fetch-resolve.ts';
import { isTyped } from './hosts.ts';
import type { OpenedParts, SecretBook } from './secrets.ts';
import { assertInLock } from './use.ts';
import type { EgressWatch, Use } from './use.ts';

/** What fetch needs. */
export type FetchPowers = {
  readonly policy: EgressPolicy;
  readonly secrets: SecretBook;
  /** About the hosts that an admin typed into the config; about all when there are none. */
  readonly trust: Trust;
  /** Every address of a name. */
  readonly resolve?: Resolve;
  readonly detour?: Detour;
  readonly watch?: EgressWatch;
};

/** The call that asks, and its streamed body. */
export type Asking = {
  readonly scope: CallScope;
  readonly upload: () => AsyncIterable<Uint8Array>;
};

/** What goes out: the parts with secrets in, and a stream that takes the place of `parts.body`. */
type Outgoing = {
  readonly method: string;
  readonly parts: OpenedParts;
  readonly stream: Readable | undefined;
};

/** Sends the requests of one isolate; holds its connections and the names it has looked up. */
export class Sender {
  readonly #powers: FetchPowers;
  readonly #policy: EgressPolicy;
  readonly #connections: Connections;
  readonly #resolver: Resolver;
  readonly #trustIsForTyped: boolean;

  constructor(powers: FetchPowers) {
    this.#powers = powers;
    this.#policy = { machine: machineAddresses, ...powers.policy };
    this.#connections = new Connections(powers.detour);
    this.#resolver = new Resolver(powers.resolve);
    this.#trustIsForTyped = powers.policy.hosts.some(isTyped);
  }

  /** Ends every connection now. */
  close(): Promise<void> {
    return this.#connections.close();
  }

  /**
   * Sends one request and waits for the first part of its answer.
   *
   * Another address of the name is tried only when nothing could be sent to the one before.
   *
   * @throws {HostError} `EGRESS_DENIED`, `EGRESS_LIMIT`, any `REMOTE_`, `CALLER_CANCELLED`
   */
  async send(
    { url, request, use }: Hop & { readonly use: Use },
    asking: Asking,
  ): Promise<{ exchange: Exchange; head: Head }> {
    const { secrets, watch } = this.#powers;
    const { scope } = asking;
    const target = decideTarget(url, this.#policy);
    assertInLock(use, this.#policy);
    const parts = secrets.substitute({ url, headers: request.headers, body: request.body });
    const candidates = await this.#vet(target, url.origin, scope);
    watch?.used(use);
    const stream = request.upload
      ? Readable.from(boundUpload(secrets.guardUpload(asking.upload(), url.host), scope.usage))
      : undefined;
    const outgoing = { method: request.method, parts, stream };
    const waitMs = Math.ceil(LIMITS.connectMs / candidates.length);
    for (const [at, vetted] of candidates.entries()) {
      const exchange = this.#dispatch(vetted, { target, waitMs, scope, outgoing });
      try {
        return { exchange, head: await exchange.head };
      } catch (error) {
        // A stream is given up with the connection that it was meant for.
        const isLast = at === candidates.length - 1 || stream !== undefined;
        if (isLast || !this.#connections.neverOpened(error)) throw error;
      }
    }
    throw new HostError('HOST_INTERNAL', 'A target without an address was let through');
  }

  /** The addresses to try, in order: where connections are open already comes first. */
  async #vet(target: Target, origin: string, scope: CallScope): Promise<readonly Vetted[]> {
    const { hostname, port } = target;
    const found = isIP(hostname) === 0 ? await this.#resolve(hostname, scope) : [hostname];
    const addresses = decideAddresses(target, found, this.#policy);
    const vetted = addresses.map((address) => ({ origin, hostname, address, port }));
    if (vetted.length === 1) return vetted;
    const open = vetted.find((each) => this.#connections.has(each));
    const ordered = open === undefined ? vetted : [open, ...vetted.filter((each) => each !== open)];
    return ordered.slice(0, LIMITS.connectAttempts);
  }

  async #resolve(hostname: string, scope: CallScope): Promise<readonly string[]> {
    const known = this.#resolver.known(hostname);
    if (known !== undefined) return known;
    return this.#resolver.lookUp(hostname, scope.deadline.leftMs, scope.cancellation);
  }

  #dispatch(
    vetted: Vetted,
    how: { target: Target; waitMs: number; scope: CallScope; outgoing: Outgoing },
  ): Exchange {
    const { trust, secrets } = this.#powers;
    const { target, waitMs, scope, outgoing } = how;
    const { method, parts, stream } = outgoing;
    const exchange = new Exchange({
      hostname: secrets.scrubber.text(vetted.hostname),
      scope,
      remainingMs: scope.deadline.leftMs,
    });
    const isAbout = target.typed || !this.#trustIsForTyped;
    const pool = this.#connections.pool(vetted, { trust: isAbout ? trust : SYSTEM_TRUST, waitMs });
    const body = stream ?? parts.body ?? null;
    pool.dispatch({ path: parts.path, method, headers: parts.headers.flat(), body }, exchange);
    return exchange;
  }
}

function machineAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).map(({ address }) => address),
  );
}
