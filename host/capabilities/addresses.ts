// Which addresses a request may connect to. Pure: parsed address in, yes or the rule that says no.

import ipaddr from 'ipaddr.js';

import type { Grants } from '../lifecycle/host.ts';

/** A private range that an admin opened for one instance. */
export type LanGrant = NonNullable<Grants['lan']>[number];

/** The answer about one address. `lan` is the grant that allowed a private one. */
export type AddressDecision =
  | { readonly allowed: true; readonly lan?: LanGrant }
  | { readonly allowed: false; readonly rule: string; readonly remedy: string };

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Where clouds answer questions about a machine and its keys: refused even inside a granted range. */
const METADATA = [
  '169.254.169.254/32',
  '169.254.170.2/32',
  '169.254.170.23/32',
  '169.254.0.0/16',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::254/128',
  'fd00:ec2::23/128',
  'fd20:ce::254/128',
  'fe80::a9fe:a9fe/128',
].map((text) => ipaddr.parseCIDR(text));

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Decides about the address that is really connected to.
 *
 * @param text A literal address, as the resolver or the URL parser gave it
 * @param port The port that is connected to
 * @param policy Granted private ranges; the host's own listeners, refused always
 */
export function decideAddress(
  text: string,
  port: number,
  policy: {
    readonly lan: readonly LanGrant[];
    readonly own: readonly { readonly address: string; readonly port: number }[];
    readonly plain: boolean;
  },
): AddressDecision {
  if (!ipaddr.isValid(text) || text.includes('%')) return no('not-an-address', 'Use a host name');
  const address = unwrap(ipaddr.parse(text));
  if (METADATA.some((range) => matches(address, range))) {
    return no('metadata-address', 'Nothing allows this: it holds the keys of the machine');
  }
  if (isOwn(address, port, policy.own)) {
    return no('own-listener', 'Nothing allows an extension to call its own host');
  }
  const lan = policy.lan.find((grant) => covers(grant, address, port));
  if (lan !== undefined && (!policy.plain || lan.http === true)) return { allowed: true, lan };
  if (lan !== undefined) {
    return no('plain-http', `Set "http": true in the LAN grant of "${lan.cidr}", or use https`);
  }
  if (!isPublic(address)) {
    return no(
      'private-address',
      'An admin can grant the range: enable with grants.lan [{cidr, reason}]',
    );
  }
  if (policy.plain) return no('plain-http', 'Use https');
  return { allowed: true };
}

/** Whether an address is one of the public internet and of nothing else. */
export function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv4') return true;
  const v6 = address as ipaddr.IPv6;
  if (!v6.match(GLOBAL_UNICAST)) return false;
  // ISATAP carries an IPv4 address in its last 32 bits, a private one as well.
  const [, , , , high = 0, low = 0] = v6.parts;
  return !((high === 0 || high === 0x0200) && low === 0x5efe);
}

/** An IPv4 address in IPv6 clothes as the IPv4 address it is. */
function unwrap(address: Address): Address {
  if (address.kind() === 'ipv4') return address;
  const v6 = address as ipaddr.IPv6;
  return v6.isIPv4MappedAddress() ? v6.toIPv4Address() : v6;
}

function matches(address: Address, [range, bits]: [Address, number]): boolean {
  return address.kind() === range.kind() && address.match(range, bits);
}

function covers({ cidr, ports }: LanGrant, address: Address, port: number): boolean {
  if (ports !== undefined && !ports.includes(port)) return false;
  return ipaddr.isValidCIDR(cidr) && matches(address, ipaddr.parseCIDR(cidr));
}

function isOwn(
  address: Address,
  port: number,
  own: readonly { readonly address: string; readonly port: number }[],
): boolean {
  return own.some((listener) => {
    if (listener.port !== port) return false;
    const listening = unwrap(ipaddr.parse(listener.address));
    if (listening.toString() === address.toString()) return true;
    const everywhere = listening.range() === 'unspecified';
    return everywhere && (address.range() === 'loopback' || address.range() === 'unspecified');
  });
}

function no(rule: string, remedy: string): AddressDecision {
  return { allowed: false, rule, remedy };
}
