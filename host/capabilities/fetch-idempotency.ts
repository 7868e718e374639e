// Keys for vendors that answer a repeated request with its first outcome: the same on every try of an
// operation, another one for each of its requests. The extension asks for it in its manifest. They are put
// in before a request is recorded: what was recorded says itself whether it may be sent again.

import { createHash } from 'node:crypto';

import { HostError } from '../errors.ts';
import type { Capability, CallScope } from './capability.ts';
import { headerName } from './fetch-request.ts';
import { matchesHost, matchesPort, normalHost, portOf } from './hosts.ts';
import type { HostRule } from './hosts.ts';
import { parseUrl } from './parse-url.ts';

/** A vendor that takes a key, and the header it takes it in. */
export type KeyRule = { readonly hosts: readonly HostRule[]; readonly header: string };

/** Methods that do something again when they are sent again. */
const REPEATING: ReadonlySet<string> = new Set(['POST', 'PATCH']);

/**
 * The same capability; a request to a vendor that takes a key has one, and says in `once` that a repeat of
 * it has no second effect.
 *
 * @param addressOf The real address of a request; throws where there is none
 */
export function withOperationKeys(
  serve: Capability,
  { rules, addressOf }: { rules: readonly KeyRule[]; addressOf: (url: string) => string },
): Capability {
  if (rules.length === 0) return serve;
  const keys = new OperationKeys(rules);
  return (payload, scope, upload) => serve(keys.apply(payload, scope, addressOf), scope, upload);
}

/** Counts the requests of each call. */
class OperationKeys {
  readonly #rules: readonly KeyRule[];
  /** By the counters of a call, which live as long as it does. */
  readonly #sent = new WeakMap<object, Map<string, number>>();

  constructor(rules: readonly KeyRule[]) {
    this.#rules = rules;
  }

  /**
   * The request with a key, where the vendor takes one and the extension has set none.
   *
   * The key follows from instance, operation, method, address without query, and how many like it the
   * call has sent before: a try that leaves out what an earlier one did still gets the right key. What is
   * no usable request is left as it is, for fetch to refuse.
   */
  apply(payload: unknown, scope: CallScope, addressOf: (url: string) => string): unknown {
    const { url, method, headers } = Object(payload) as Readonly<Record<string, unknown>>;
    if (typeof url !== 'string' || typeof method !== 'string' || !Array.isArray(headers)) {
      return payload;
    }
    const { once: _claimed, ...request } = payload as Readonly<Record<string, unknown>>;
    if (!REPEATING.has(method.toUpperCase())) return request;
    const address = parse(url, addressOf);
    const header = address === undefined ? undefined : this.#headerFor(address);
    if (address === undefined || header === undefined) return request;
    const isSet = headers.some((pair) => headerName(pair) === header);
    if (isSet) return { ...request, once: header };
    const what = `${method.toUpperCase()} ${address.origin}${address.pathname}`;
    const key = createHash('sha256')
      .update(JSON.stringify([scope.instance, scope.operationId, what, this.#next(scope, what)]))
      .digest('hex')
      .slice(0, 32);
    return { ...request, headers: [...(headers as unknown[]), [header, key]], once: header };
  }

  #headerFor(url: URL): string | undefined {
    const hostname = normalHost(url.hostname);
    const isThere = (rule: HostRule): boolean =>
      matchesHost(rule.pattern, hostname) &&
      matchesPort(rule, portOf(url), url.protocol === 'http:');
    return this.#rules.find(({ hosts }) => hosts.some(isThere))?.header.toLowerCase();
  }

  #next({ usage }: CallScope, what: string): number {
    const counts = this.#sent.get(usage) ?? new Map<string, number>();
    this.#sent.set(usage, counts);
    const count = (counts.get(what) ?? 0) + 1;
    counts.set(what, count);
    return count;
  }
}

/** undefined where there is no address: fetch says why when it is asked. */
function parse(url: string, addressOf: (url: string) => string): URL | undefined {
  try {
    return parseUrl(addressOf(url)) ?? undefined;
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}
