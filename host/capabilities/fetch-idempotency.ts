// Keys for vendors that answer a repeated request with its first outcome: the same on every try of an
// operation, another one for each of its requests. The extension asks for it in its manifest.

import { createHash } from 'node:crypto';

import type { CallScope } from './capability.ts';
import type { FetchRequest } from './fetch-request.ts';
import { matchesHost, matchesPort, normalHost, portOf } from './hosts.ts';
import type { HostRule } from './hosts.ts';

/** A vendor that takes a key, and the header it takes it in. */
export type KeyRule = { readonly hosts: readonly HostRule[]; readonly header: string };

/** Methods that do something again when they are sent again. */
const REPEATING: ReadonlySet<string> = new Set(['POST', 'PATCH']);

/** Counts the requests of each call. */
export class OperationKeys {
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
   * call has sent before: a try that leaves out what an earlier one did still gets the right key.
   */
  apply(request: FetchRequest, url: URL, scope: CallScope): FetchRequest {
    if (this.#rules.length === 0 || !REPEATING.has(request.method)) return request;
    const hostname = normalHost(url.hostname);
    const isThere = (rule: HostRule): boolean =>
      matchesHost(rule.pattern, hostname) &&
      matchesPort(rule, portOf(url), url.protocol === 'http:');
    const header = this.#rules.find(({ hosts }) => hosts.some(isThere))?.header.toLowerCase();
    if (header === undefined || request.headers.some(([name]) => name === header)) return request;
    const what = `${request.method} ${url.origin}${url.pathname}`;
    const key = createHash('sha256')
      .update(JSON.stringify([scope.instance, scope.operationId, what, this.#next(scope, what)]))
      .digest('hex')
      .slice(0, 32);
    return { ...request, headers: [...request.headers, [header, key]] };
  }

  #next({ usage }: CallScope, what: string): number {
    const counts = this.#sent.get(usage) ?? new Map<string, number>();
    this.#sent.set(usage, counts);
    const count = (counts.get(what) ?? 0) + 1;
    counts.set(what, count);
    return count;
  }
}
