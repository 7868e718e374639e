// The fetch capability of one isolate: follows redirects, gives the answer back, small ones whole and
// large ones in chunks, and bounds how much runs at a time. What may be reached is decided at every hop.

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Capability, CapabilityReply } from './capability.ts';
import { denied } from './egress.ts';
import type { Exchange } from './fetch-exchange.ts';
import { locationOf, nextHop } from './fetch-redirect.ts';
import type { Hop } from './fetch-redirect.ts';
import { readEarned, readReply } from './fetch-reply.ts';
import { parseFetchRequest } from './fetch-request.ts';
import { parseUrl } from './parse-url.ts';
import { Sender } from './fetch-send.ts';
import type { Asking, FetchPowers } from './fetch-send.ts';
import { scrubError } from './scrub-error.ts';
import type { SecretBook } from './secrets.ts';
import { useOf } from './use.ts';
import type { EgressWatch, Use } from './use.ts';

export type { FetchPowers } from './fetch-send.ts';

/**
 * Makes fetch for one isolate; `close` ends its connections.
 *
 * Payload: `{url, method, headers: [name, value][], redirect?, body?: {text} | {base64}, upload?}`; with
 * `upload` the body is read from the third argument. Answer: `{status, statusText, headers, url,
 * redirected, body: {text} | {base64} | null}`, or without `body` when that is streamed.
 */
export function createFetchCapability(powers: FetchPowers): {
  readonly serve: Capability;
  close(): Promise<void>;
} {
  const fetcher = new Fetcher(powers);
  return {
    serve: (payload, scope, upload) => fetcher.serve(payload, { scope, upload }),
    close: () => fetcher.close(),
  };
}

/** How far a request has come: the exchange that holds a connection, and what was asked for last. */
type Chain = { last: Exchange | undefined; use: Use | undefined };

class Fetcher {
  readonly #secrets: SecretBook;
  readonly #sender: Sender;
  readonly #watch: EgressWatch | undefined;
  #running = 0;

  constructor(powers: FetchPowers) {
    this.#secrets = powers.secrets;
    this.#sender = new Sender(powers);
    this.#watch = powers.watch;
  }

  async serve(payload: unknown, asking: Asking): Promise<CapabilityReply> {
    if (asking.scope.dryRun) {
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
    const chain: Chain = { last: undefined, use: undefined };
    try {
      return await this.#follow(payload, asking, chain);
    } catch (error) {
      // A remote can put a secret it was given into the address it redirects to.
      const shown = scrubError(error, this.#secrets.scrubber);
      if (shown instanceof HostError && shown.code === 'EGRESS_DENIED') {
        this.#watch?.denied(shown.toData(), chain.use);
      }
      throw shown;
    } finally {
      // A body that is still read takes part in the limit.
      if (chain.last === undefined) this.#running -= 1;
      else chain.last.whenClosed(() => (this.#running -= 1));
    }
  }

  close(): Promise<void> {
    return this.#sender.close();
  }

  async #follow(payload: unknown, asking: Asking, chain: Chain): Promise<CapabilityReply> {
    const request = parseFetchRequest(payload);
    await this.#secrets.learnIn(request);
    const opened = this.#secrets.openUrl(request.url);
    const first = readUrl(opened);
    let hop: Hop = { url: first, request };
    for (let hops = 0; ; hops += 1) {
      const use = useOf(hop.request.method, hop.url, (text) => this.#secrets.scrubber.text(text));
      chain.use = use;
      const { exchange, head } = await this.#sender.send({ ...hop, use }, asking);
      chain.last = exchange;
      // What is blanked may have become more meanwhile.
      const { scrubber } = this.#secrets;
      const { url } = hop;
      const { method, redirect } = hop.request;
      const location = locationOf(head.status, head.headers);
      if (location === undefined || redirect === 'manual') {
        const href = url.hash === '' ? url.href : url.href.slice(0, -url.hash.length);
        const where = { url: opened.seal(href), redirected: hops > 0 };
        const hostname = scrubber.text(url.hostname);
        const rules = head.status < 400 ? this.#secrets.earnedAt(url) : [];
        if (rules.length > 0) {
          const secrets = this.#secrets;
          return await readEarned(head, exchange, { method, hostname, ...where, rules, secrets });
        }
        return await readReply(head, exchange, { method, hostname, ...where, scrubber });
      }
      exchange.discard();
      if (redirect === 'error') {
        throw new HostError('REMOTE_PROTOCOL', 'The remote redirects, and redirect is "error"');
      }
      if (hops >= LIMITS.redirects) {
        const limit = LIMITS.redirects;
        throw new HostError('EGRESS_LIMIT', `More than ${limit} redirects`, { details: { limit } });
      }
      hop = nextHop(hop, head.status, location);
      const { href, origin, host } = hop.url;
      // As it came, too: the name of a host is in lower case once it is parsed.
      const shown = `${href} ${location}`;
      if (origin !== url.origin && scrubber.text(shown) !== shown) throw secretInRedirect(host);
    }
  }
}

/** A vendor that repeats a secret in a Location must not be a way to hand it to another host. */
function secretInRedirect(host: string): HostError {
  return denied({
    where: host,
    rule: 'secret-in-redirect',
    setBy: 'the host',
    allowedBy: null,
    remedy: 'The vendor puts a secret into the address it redirects to: ask it for the new address',
  });
}

function readUrl({ url: text, seal }: ReturnType<SecretBook['openUrl']>): URL {
  const url = parseUrl(text);
  if (url !== null) return url;
  throw denied({
    where: seal(text).slice(0, 200),
    rule: 'not-a-url',
    setBy: 'the host',
    allowedBy: null,
    remedy: 'Send an absolute https URL',
  });
}
