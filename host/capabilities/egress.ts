// Where an instance's requests may go: granted hosts and ports, then the address really connected to.
// Pure. Asked at every hop; a refusal names the rule, who set it and what would allow it.

import { HostError } from '../errors.ts';
import type { Grants } from '../grants.ts';
import type { LanGrant, Listener } from './addresses.ts';
import { decideAddress } from './addresses.ts';
import { isTyped, matchesHost, matchesPort, normalHost, portOf } from './hosts.ts';
import type { HostRule } from './hosts.ts';

export { expandHosts } from './hosts.ts';
export type { HostRule } from './hosts.ts';

/** What one instance may reach. */
export type EgressPolicy = {
  readonly hosts: readonly HostRule[];
  readonly lan: readonly LanGrant[];
  /** Kinds of requests that may leave; without it any. */
  readonly lock?: Grants['lock'];
  /** Listeners of this host: never reachable from inside. */
  readonly own: readonly Listener[];
  /** This machine's addresses, asked for when a listener takes all of them. */
  readonly machine?: () => readonly string[];
  /** Plain http to public addresses; off for everybody but tests of the policy itself. */
  readonly allowPlain?: boolean;
  /**
   * Told of a refusal that a manifest or a grant could lift, which is then not enforced. For authors at
   * work only; what nothing allows stays refused.
   */
  readonly report?: (refusal: HostError) => void;
};

/** A target that passed the first look. */
export type Target = {
  /** As `normalHost` spells it: no brackets, no trailing dot. */
  readonly hostname: string;
  readonly port: number;
  readonly plain: boolean;
  /** An admin typed this host into the config: what the config says about TLS is about it. */
  readonly typed: boolean;
};

/** Why something is refused. None of it may hold a secret. */
export type Refusal = {
  readonly where: string;
  readonly rule: string;
  /** Who made the rule: `the host`, or `the manifest and its grants`. */
  readonly setBy: string;
  /** The line of a manifest or grant that would allow it; null when nothing does. */
  readonly allowedBy: string | null;
  readonly remedy: string;
};

const GRANTS = 'the manifest and its grants';

/**
 * Decides about a parsed URL, before anything is resolved.
 *
 * @throws {HostError} `EGRESS_DENIED` with the rule, who set it and what would allow it
 */
export function decideTarget(url: URL, policy: EgressPolicy): Target {
  const where = `${url.protocol}//${url.host}`;
  const plain = url.protocol === 'http:';
  const never = (rule: string, remedy: string): HostError =>
    denied({ where, rule, setBy: 'the host', allowedBy: null, remedy });
  if (!plain && url.protocol !== 'https:') {
    throw never('scheme', 'Only https leaves, and http inside a granted LAN range');
  }
  if (url.username !== '' || url.password !== '') {
    throw never('credentials-in-url', 'Send credentials in a header');
  }
  const hostname = normalHost(url.hostname);
  const port = portOf(url);
  if (hostname === '' || port < 1) throw never('not-an-address', 'Name a host and a port');
  if (plain && policy.allowPlain !== true && !policy.lan.some(({ http }) => http === true)) {
    const remedy = 'Use https, or have an admin grant the LAN range with "http": true';
    const allowedBy = 'grants.lan: {"cidr": "…", "reason": "…", "http": true}';
    refuse({ where, rule: 'plain-http', setBy: 'the host', allowedBy, remedy }, policy);
  }
  const named = policy.hosts.filter(({ pattern }) => matchesHost(pattern, hostname));
  if (named.length === 0) {
    const remedy = `Add "${hostname}" to capabilities.fetch.hosts in manifest.json and have it granted`;
    const allowedBy = `capabilities.fetch.hosts: ["${hostname}"]`;
    refuse({ where, rule: 'host-not-granted', setBy: GRANTS, allowedBy, remedy }, policy);
    return { hostname, port, plain, typed: false };
  }
  const open = named.filter((rule) => matchesPort(rule, port, plain));
  if (open.length === 0) {
    const remedy = `Name the port in capabilities.fetch.hosts of manifest.json and have it granted`;
    const allowedBy = `capabilities.fetch.hosts: ["${hostname}:${port}"]`;
    refuse({ where, rule: 'port-not-granted', setBy: GRANTS, allowedBy, remedy }, policy);
  }
  return { hostname, port, plain, typed: open.some(isTyped) };
}

/**
 * Decides about every address a name has: one forbidden answer refuses them all, so that an attacker
 * cannot hide a private address between public ones.
 *
 * @returns The addresses, any of which may be connected to; at least one
 * @throws {HostError} `EGRESS_DENIED`
 */
export function decideAddresses(
  target: Target,
  addresses: readonly string[],
  policy: EgressPolicy,
): readonly string[] {
  const shown = `${target.hostname}:${target.port}`;
  const plain = target.plain && policy.allowPlain !== true;
  for (const address of addresses) {
    const decision = decideAddress(address, target.port, { ...policy, plain });
    if (decision.allowed) continue;
    const { rule, allowedBy, remedy } = decision;
    const where = address === target.hostname ? shown : `${shown} (${address})`;
    refuse({ where, rule, setBy: 'the host', allowedBy, remedy }, policy);
  }
  if (addresses.length > 0) return addresses;
  const remedy = 'Check the name in the config and the DNS of the host';
  const refusal = { rule: 'not-an-address', setBy: 'the host', allowedBy: null, remedy };
  throw denied({ where: `${shown}, which has no address`, ...refusal });
}

/** Throws a refusal, or reports it where that is all that is wanted. */
export function refuse(refusal: Refusal, { report }: Pick<EgressPolicy, 'report'>): void {
  const error = denied(refusal);
  if (report === undefined || refusal.allowedBy === null) throw error;
  report(error);
}

/** A refusal as `EGRESS_DENIED`. */
export function denied({ where, rule, setBy, allowedBy, remedy }: Refusal): HostError {
  return new HostError('EGRESS_DENIED', `Request to "${where}" is refused: ${rule}`, {
    remedy,
    details: { rule, setBy, allowedBy, target: where },
  });
}
