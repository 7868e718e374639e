// The fetch capability: parse, decide, resolve, decide again, connect to what was decided, and give the
// answer back, small ones whole and large ones in chunks. Every redirect starts over.

import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Readable } from 'node:stream';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Capability, CallScope, CapabilityReply } from './capability.ts';
import { Connections } from './connect.ts';
import type { Detour, Vetted } from './connect.ts';
import { SYSTEM_TRUST } from './connect-trust.ts';
import type { Trust } from './connect-trust.ts';
import { decideAddresses, decideTarget, denied } from './egress.ts';
import type { EgressPolicy, Target } from './egress.ts';
import { Exchange } from './fetch-exchange.ts';
import type { Head } from './fetch-exchange.ts';
import { locationOf, nextHop } from './fetch-redirect.ts';
import type { Hop } from './fetch-redirect.ts';
import { readReply } from './fetch-reply.ts';
import { boundUpload, parseFetchRequest } from './fetch-request.ts';
import { Resolver } from './fetch-resolve.ts';
import type { Resolve } from './fetch-resolve.ts';
import { isTyped } from './hosts.ts';
import { scrubError } from './scrub-error.ts';
import type { OpenedParts, SecretBook } from './secrets.ts';

/** What fetch needs. */
export type FetchPowers = {
  readonly policy: EgressPolicy;
  readonly secrets: SecretBook;
  /** About the hosts that an admin typed into the config; about all when there are none. */
  readonly trust: Trust;
  readonly nowMs: () => number;
  /** Every address of a name. */
  readonly resolve?: Resolve;
  readonly detour?: Detour;
};

/** What goes out on one hop: the parts with secrets in, and the streamed body instead of `parts.body`. */
type Outgoing = {
  readonly method: string;
  readonly parts: OpenedParts;
  readonly stream: Readable | undefined;
};

/** Makes fetch for one isolate; `close` ends its connections. */
export function createFetchCapability(powers: FetchPowers): {
  readonly serve: Capability;
  close(): Promise<void>;
} {
  const fetcher = new Fetcher(powers);
  return {
    serve: (payload, scope, upload) => fetcher.serve(payload, scope, upload),
    close: () => fetcher.close(),
  };
}

class Fetcher {
  readonly #powers: FetchPowers;
  readonly #policy: EgressPolicy;
  readonly #connections: Connections;
  readonly #resolver: Resolver;
  readonly #trustIsForTyped: boolean;
  #running = 0;

  constructor(powers: FetchPowers) {
    this.#powers = powers;
    this.#policy = { machine: machineAddresses, ...powers.policy };
    this.#connections = new Connections(powers.detour);
    this.#resolver = new Resolver(powers.nowMs, powers.resolve);
    this.#trustIsForTyped = powers.policy.hosts.some(isTyped);
  }

  serve: Capability = async (payload, scope, upload) => {
    if (scope.dryRun) {
      throw new HostError('CALLER_UNSUPPORTED', 'A dry run sends nothing', {
        remedy: 'Look at call.dryRun before calling fetch',
      });
    }
    if (this.#running >= LIMITS.fetchesPerInstance) {
      const limit = LIMITS.fetchesPerInstance;
      throw new HostError('EGRESS_LIMIT', `${limit} requests are running already`, {
        remedy: 'Send fewer at a time, and read or cancel every body',
        details: { limit },
      });
    }
    this.#running += 1;
    const chain: { last: Exchange | undefined } = { last: undefined };
    try {
      return await this.#follow(payload, { scope, upload, chain });
    } catch (error) {
      // A remote can put a secret it was given into the address it redirects to.
      throw scrubError(error, this.#powers.secrets.scrubber);
    } finally {
      // A body that is still read takes part in the limit.
      if (chain.last === undefined) this.#running -= 1;
      else chain.last.whenClosed(() => (this.#running -= 1));
    }
  };

  close(): Promise<void> {
    return this.#connections.close();
  }

  async #follow(
    payload: unknown,
    call: {
      readonly scope: CallScope;
      readonly upload: () => AsyncIterable<Uint8Array>;
      readonly chain: { last: Exchange | undefined };
    },
  ): Promise<CapabilityReply> {
    const { secrets } = this.#powers;
    const { scrubber } = secrets;
    const request = parseFetchRequest(payload);
    const opened = secrets.openUrl(request.url);
    let hop: Hop = { url: parseUrl(opened), request };
    for (let hops = 0; ; hops += 1) {
      const { exchange, head } = await this.#send(hop, call);
      call.chain.last = exchange;
      const { url, request } = hop;
      const location = locationOf(head.status, head.headers);
      if (location === undefined || request.redirect === 'manual') {
        const href = url.hash === '' ? url.href : url.href.slice(0, -url.hash.length);
        const shown = { url: opened.seal(href), redirected: hops > 0 };
        const hostname = scrubber.text(url.hostname);
        return readReply(head, exchange, { method: request.method, hostname, ...shown, scrubber });
      }
      exchange.discard();
      if (request.redirect === 'error') {
        throw new HostError('REMOTE_PROTOCOL', 'The remote redirects, and redirect is "error"');
      }
      if (hops >= LIMITS.redirects) {
        const limit = LIMITS.redirects;
        throw new HostError('EGRESS_LIMIT', `More than ${limit} redirects`, { details: { limit } });
      }
      hop = nextHop(hop, head.status, location);
    }
  }

  /** Sends one hop and waits for the first part of its answer. */
  async #send(
    { url, request }: Hop,
    { scope, upload }: { scope: CallScope; upload: () => AsyncIterable<Uint8Array> },
  ): Promise<{ exchange: Exchange; head: Head }> {
    const { secrets } = this.#powers;
    const target = decideTarget(url, this.#policy);
    const parts = secrets.substitute({ url, headers: request.headers, body: request.body });
    const candidates = await this.#vet(target, { origin: url.origin, scope });
    const stream = request.upload
      ? Readable.from(boundUpload(secrets.guardUpload(upload(), url.host), scope.usage))
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
  async #vet(
    target: Target,
    { origin, scope }: { origin: string; scope: CallScope },
  ): Promise<readonly Vetted[]> {
    const { hostname, port } = target;
    const remainingMs = scope.deadlineMs - this.#powers.nowMs();
    const found =
      isIP(hostname) === 0
        ? (this.#resolver.known(hostname) ??
          (await this.#resolver.lookUp(hostname, remainingMs, scope.signal)))
        : [hostname];
    const vetted = decideAddresses(target, found, this.#policy).map((address) => ({
      origin,
      hostname,
      address,
      port,
    }));
    if (vetted.length === 1) return vetted;
    const open = vetted.find((each) => this.#connections.has(each));
    const ordered = open === undefined ? vetted : [open, ...vetted.filter((each) => each !== open)];
    return ordered.slice(0, LIMITS.connectAttempts);
  }

  #dispatch(
    vetted: Vetted,
    how: { target: Target; waitMs: number; scope: CallScope; outgoing: Outgoing },
  ): Exchange {
    const { trust, nowMs, secrets } = this.#powers;
    const { target, waitMs, scope, outgoing } = how;
    const { method, parts, stream } = outgoing;
    const exchange = new Exchange({
      hostname: secrets.scrubber.text(vetted.hostname),
      scope,
      remainingMs: scope.deadlineMs - nowMs(),
    });
    const isAbout = target.typed || !this.#trustIsForTyped;
    const pool = this.#connections.pool(vetted, { trust: isAbout ? trust : SYSTEM_TRUST, waitMs });
    const body = stream ?? parts.body ?? null;
    pool.dispatch({ path: parts.path, method, headers: parts.headers.flat(), body }, exchange);
    return exchange;
  }
}

function parseUrl({ url: text, seal }: ReturnType<SecretBook['openUrl']>): URL {
  const url = URL.parse(text);
  if (url !== null) return url;
  throw denied({
    where: seal(text).slice(0, 200),
    rule: 'not-a-url',
    setBy: 'the host',
    allowedBy: null,
    remedy: 'Send an absolute https URL',
  });
}

function machineAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).map(({ address }) => address),
  );
}
