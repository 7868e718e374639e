// What a case of kind admin-http says, and what is known once it has run.

import type { AttackHost } from './host.ts';
import type { WireReply, WireRequest } from './http-wire.ts';

/** A case of the corpus. */
export type HttpCase = {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly auth: string;
  readonly request: WireRequest & {
    readonly paths?: readonly string[];
    readonly repeat?: number;
    readonly plugin?: string;
    readonly kill?: string;
  };
  readonly steps?: readonly string[];
  readonly expect: { readonly status: readonly number[]; readonly must: readonly string[] };
};

/**
 * Where the attacker of a case sits: wrong tokens are counted by address, and each case is to meet a host that
 * has not heard of the others. Elsewhere than on Linux all come from one address.
 */
export function addressOf({ id }: Pick<HttpCase, 'id'>): string | undefined {
  if (process.platform !== 'linux') return undefined;
  return `127.0.1.${1 + (Number(/\d+$/.exec(id)?.[0] ?? 0) % 250)}`;
}

/** What the admin sees before and after a case. */
export type Seen = {
  readonly stripe: string;
  readonly names: string;
  readonly deliveries: string;
  readonly facts: string;
  readonly rssMiB: number;
};

/** Everything that is known of a case once it has run. */
export type Outcome = {
  readonly attack: HttpCase;
  readonly host: AttackHost;
  readonly replies: readonly WireReply[];
  readonly before: Seen;
  readonly after: Seen;
};
