// Where an instance's requests may go: granted hosts and ports, then the address really connected to.
// Pure. Asked at every hop; a refusal names the rule and what would allow it.

import { HostError } from '../errors.ts';
import type { LanGrant } from './addresses.ts';
import { decideAddress } from './addresses.ts';

/** One granted host. */
export type HostRule = {
  /** Lower case, no trailing dot; `*.example.com` means names below it; `*` any name. */
  readonly pattern: string;
  /** Ports besides the scheme's own; `any` for a host that an admin typed into the config. */
  readonly ports: readonly number[] | 'any';
  /** As the manifest says it, for messages. */
  readonly entry: string;
};

/** What one instance may reach. */
export type EgressPolicy = {
  readonly hosts: readonly HostRule[];
  readonly lan: readonly LanGrant[];
  /** Listeners of this host: never reachable from inside. */
  readonly own: readonly { readonly address: string; readonly port: number }[];
  /** Plain http to public addresses; off for everybody but tests of the policy itself. */
  readonly allowPlain?: boolean;
};

/** A target that passed the first look. */
export type Target = { readonly hostname: string; readonly port: number; readonly plain: boolean };

/**
 * Decides about a parsed URL, before anything is resolved.
 *
 * @throws {HostError} `EGRESS_DENIED` with the rule, who set it and what would allow it
 */
export function decideTarget(url: URL, policy: EgressPolicy): Target {
  const shown = `${url.protocol}//${url.host}`;
  const plain = url.protocol === 'http:';
  if (!plain && url.protocol !== 'https:') {
    throw denied(shown, 'scheme', 'the host', 'Only https (and http inside a granted LAN range)');
  }
  if (url.username !== '' || url.password !== '') {
    throw denied(shown, 'credentials-in-url', 'the host', 'Send credentials in a header');
  }
  const hostname = normalHost(url.hostname);
  const port = url.port === '' ? (plain ? 80 : 443) : Number(url.port);
  if (hostname === '' || port < 1) {
    throw denied(shown, 'not-an-address', 'the host', 'Name a host and a port');
  }
  if (plain && policy.allowPlain !== true && !policy.lan.some(({ http }) => http === true)) {
    throw denied(
      shown,
      'plain-http',
      'the host',
      'Use https, or have an admin grant the LAN range with "http": true',
    );
  }
  const named = policy.hosts.filter(({ pattern }) => matchesHost(pattern, hostname));
  if (named.length === 0) {
    const remedy = `Add "${hostname}" to capabilities.fetch.hosts in manifest.json and have it granted`;
    throw denied(shown, 'host-not-granted', 'the manifest and its grants', remedy);
  }
  if (!named.some(({ ports }) => matchesPort(ports, port, plain))) {
    const remedy = `Name the port: "${hostname}:${port}" in capabilities.fetch.hosts`;
    throw denied(shown, 'port-not-granted', 'the manifest and its grants', remedy);
  }
  return { hostname, port, plain };
}

/**
 * Decides about every address a name has: one forbidden answer refuses them all, so that an attacker
 * cannot hide a private address between public ones.
 *
 * @returns The address to connect to
 * @throws {HostError} `EGRESS_DENIED`
 */
export function decideAddresses(
  target: Target,
  addresses: readonly string[],
  policy: EgressPolicy,
): string {
  const shown = `${target.hostname}:${target.port}`;
  const { lan, own } = policy;
  for (const address of addresses) {
    const plain = target.plain && policy.allowPlain !== true;
    const decision = decideAddress(address, target.port, { lan, own, plain });
    if (decision.allowed) continue;
    const where = address === target.hostname ? shown : `${shown} (${address})`;
    throw denied(where, decision.rule, 'the host', decision.remedy);
  }
  const [first] = addresses;
  if (first === undefined)
    throw denied(shown, 'not-an-address', 'the host', 'The name has no address');
  return first;
}

/** Lower case, one trailing dot and the brackets of IPv6 taken off. */
export function normalHost(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

/** Whether a host name is the one, or one of those, that a pattern means. */
export function matchesHost(pattern: string, hostname: string): boolean {
  if (pattern === '*') return true;
  if (pattern.startsWith('*.')) {
    const suffix = pattern.slice(1);
    return hostname.length > suffix.length && hostname.endsWith(suffix);
  }
  return pattern === hostname;
}

function matchesPort(ports: HostRule['ports'], port: number, plain: boolean): boolean {
  if (ports === 'any') return true;
  return ports.length === 0 ? port === (plain ? 80 : 443) : ports.includes(port);
}

/**
 * The host rules of manifest entries, `{config.<field>}` filled in.
 *
 * A field may hold a name, an address or a URL. An entry whose field is empty gives no rule.
 */
export function expandHosts(
  entries: readonly string[],
  config: Readonly<Record<string, unknown>>,
): HostRule[] {
  return entries.flatMap((entry): HostRule[] => {
    const [, field, fixedPort] = /^\{config\.([A-Za-z0-9_]+)\}(?::(\d+))?$/.exec(entry) ?? [];
    if (field === undefined) {
      const [, pattern = entry, port] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
      return [{ pattern, ports: port === undefined ? [] : [Number(port)], entry }];
    }
    const value = config[field];
    if (typeof value !== 'string' || value === '') return [];
    const parsed = readHost(value);
    if (parsed === undefined) return [];
    const ports = fixedPort !== undefined ? [Number(fixedPort)] : 'any';
    return [{ pattern: parsed, ports, entry }];
  });
}

/** The host of a name, an address or a URL, as the URL parser spells it. */
function readHost(value: string): string | undefined {
  const isUrl = /^https?:\/\//i.test(value);
  const bare = value.includes(':') && !value.includes('[') && value.split(':').length > 2;
  const url = URL.parse(isUrl ? value : `https://${bare ? `[${value}]` : value}`);
  const name = url === null ? '' : normalHost(url.hostname);
  // A star in a config value must not become a pattern.
  return name === '' || name.includes('*') ? undefined : name;
}

/** A refusal; `where` must hold no secret. */
export function denied(where: string, rule: string, setBy: string, remedy: string): HostError {
  return new HostError('EGRESS_DENIED', `Request to "${where}" is refused: ${rule}`, {
    remedy,
    details: { rule, setBy, target: where },
  });
}
