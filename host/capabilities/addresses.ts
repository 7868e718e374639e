// Which addresses a request may connect to. Pure: a literal address in, yes or the rule that says no.
// Asked for every address of a name and for every literal; nothing is resolved here.

import ipaddr from 'ipaddr.js';

import type { Grants } from '../grants.ts';
import { LIMITS } from '../limits.ts';
import { embeddedAddresses } from './embedded-addresses.ts';

/** A private range that an admin opened for one instance. */
export type LanGrant = NonNullable<Grants['lan']>[number];

/** A place where this host listens. */
export type Listener = { readonly address: string; readonly port: number };

/** The answer about one address. `lan` is the grant that allowed a private one. */
export type AddressDecision =
  | { readonly allowed: true; readonly lan?: LanGrant }
  | {
      readonly allowed: false;
      readonly rule: string;
      /** The grant that would allow it; null when nothing does. */
      readonly allowedBy: string | null;
      readonly remedy: string;
    };

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Where clouds answer questions about a machine and its keys: refused even inside a granted range. */
const METADATA = [
  // Link-local as a whole: nearly every cloud, and nothing an extension needs.
  '169.254.0.0/16',
  // Alibaba, Azure, Oracle.
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  // AWS and its containers, Google, Scaleway, and 169.254.169.254 in a link-local disguise.
  'fd00:ec2::254/128',
  'fd00:ec2::23/128',
  'fd20:ce::254/128',
  'fd00:42::42/128',
  'fe80::a9fe:a9fe/128',
].map((text) => ipaddr.parseCIDR(text));

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** What an address is, whoever asks for it. */
type Look = {
  readonly address: Address;
  /** A network that translates would deliver to the address inside, so that one is asked about too. */
  readonly reached: readonly Address[];
  readonly isMetadata: boolean;
  readonly isPublic: boolean;
};

/** Texts and what they mean, which never changes: parsing one takes 3 to 9 µs of each request. */
class Known<T> {
  readonly #byText = new Map<string, T>();
  readonly #parse: (text: string) => T;

  constructor(parse: (text: string) => T) {
    this.#parse = parse;
  }

  read(text: string): T {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const parsed = this.#parse(text);
    if (this.#byText.size >= LIMITS.addressesKnown) this.#byText.clear();
    this.#byText.set(text, parsed);
    return parsed;
  }
}

const looks = new Known(lookAt);
const ranges = new Known((cidr) => (ipaddr.isValidCIDR(cidr) ? ipaddr.parseCIDR(cidr) : undefined));

function lookAt(text: string): Look | undefined {
  // A zone id names an interface of this machine, which is for nobody else to choose.
  if (!ipaddr.isValid(text) || text.includes('%')) return undefined;
  const address = unwrap(ipaddr.parse(text));
  const reached = [address, ...embeddedAddresses(address)];
  const isMetadata = reached.some((each) => METADATA.some((range) => matches(each, range)));
  return { address, reached, isMetadata, isPublic: isPublic(address) };
}

/**
 * Decides about the address that is really connected to.
 *
 * @param text A literal address, as the resolver or the URL parser gave it
 * @param port The port that is connected to
 * @param policy Granted private ranges; the host's own listeners, refused always; `plain` for http;
 *   `machine` is asked for this machine's addresses when a listener takes all of them
 */
export function decideAddress(
  text: string,
  port: number,
  policy: {
    readonly lan: readonly LanGrant[];
    readonly own: readonly Listener[];
    readonly plain: boolean;
    readonly machine?: () => readonly string[];
  },
): AddressDecision {
  const look = looks.read(text);
  if (look === undefined) {
    return no('not-an-address', null, 'Use a host name or an address without a zone');
  }
  const { address, reached } = look;
  if (look.isMetadata) {
    return no('metadata-address', null, 'Nothing allows this: it holds the keys of the machine');
  }
  if (reached.some((each) => isOwn(each, port, policy))) {
    return no('own-listener', null, 'Nothing allows an extension to call its own host');
  }
  const lan = policy.lan.filter((grant) => covers(grant, address, port));
  const open = lan.find(({ http }) => !policy.plain || http === true);
  if (open !== undefined) return { allowed: true, lan: open };
  if (lan[0] !== undefined) {
    const { cidr } = lan[0];
    const remedy = `Use https, or have an admin set "http": true in the LAN grant of "${cidr}"`;
    return no('plain-http', `grants.lan: {"cidr": "${cidr}", "http": true}`, remedy);
  }
  if (!look.isPublic) {
    const shown = `{"cidr": "${address.toString()}/${address.kind() === 'ipv4' ? 32 : 128}"`;
    const remedy =
      'If this instance must reach it, an admin enables it with the range in grants.lan';
    const allowedBy = `grants.lan: ${shown}, "reason": "…"${policy.plain ? ', "http": true' : ''}}`;
    return no('private-address', allowedBy, remedy);
  }
  if (policy.plain)
    return no('plain-http', null, 'Use https: plain http is for granted LAN ranges');
  return { allowed: true };
}

/** Whether an address is one of the public internet and of nothing else. */
export function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv4') return true;
  const v6 = address as ipaddr.IPv6; // proven by kind()
  // ipaddr.js calls ISATAP and old IPv4-compatible forms unicast; both hide an IPv4 address.
  return v6.match(GLOBAL_UNICAST) && embeddedAddresses(v6).length === 0;
}

/** An IPv4 address in IPv6 clothes as the IPv4 address it is. */
function unwrap(address: Address): Address {
  if (address.kind() === 'ipv4') return address;
  const v6 = address as ipaddr.IPv6; // proven by kind()
  return v6.isIPv4MappedAddress() ? v6.toIPv4Address() : v6;
}

function matches(address: Address, [range, bits]: [Address, number]): boolean {
  return address.kind() === range.kind() && address.match(range, bits);
}

function covers({ cidr, ports }: LanGrant, address: Address, port: number): boolean {
  if (ports !== undefined && !ports.includes(port)) return false;
  const range = ranges.read(cidr);
  return range !== undefined && matches(address, range);
}

function isOwn(
  address: Address,
  port: number,
  { own, machine }: { own: readonly Listener[]; machine?: () => readonly string[] },
): boolean {
  const here = own.filter((listener) => listener.port === port && ipaddr.isValid(listener.address));
  if (here.length === 0) return false;
  // Connecting to "any" address means this machine.
  const local = address.range() === 'loopback' || address.range() === 'unspecified';
  return here.some((listener) => {
    const listening = unwrap(ipaddr.parse(listener.address));
    if (listening.toString() === address.toString()) return true;
    if (listening.range() === 'loopback') return address.range() === 'unspecified';
    if (listening.range() !== 'unspecified') return false;
    return local || (machine?.() ?? []).some((each) => isSame(each, address));
  });
}

function isSame(text: string, address: Address): boolean {
  const [bare = ''] = text.split('%');
  return ipaddr.isValid(bare) && unwrap(ipaddr.parse(bare)).toString() === address.toString();
}

function no(rule: string, allowedBy: string | null, remedy: string): AddressDecision {
  return { allowed: false, rule, allowedBy, remedy };
}

/** Whether a text is an address range such as `10.0.0.0/24` or `fd00::/8`. */
export function isRange(text: string): boolean {
  return ipaddr.isValidCIDR(text);
}
