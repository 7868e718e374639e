// The IPv4 addresses that an IPv6 address carries inside, in every form that a gateway may unpack.
// Pure; addresses.ts asks before it believes that an address is what it looks like.

import ipaddr from 'ipaddr.js';

const COMPATIBLE = ipaddr.IPv6.parseCIDR('::/96');
const TRANSLATED = ['::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48'].map((text) =>
  ipaddr.IPv6.parseCIDR(text),
);
const SIX_TO_FOUR = ipaddr.IPv6.parseCIDR('2002::/16');
const TEREDO = ipaddr.IPv6.parseCIDR('2001::/32');

/**
 * Lists what an address may be unpacked to; empty for IPv4 and for plain IPv6.
 *
 * Known forms: IPv4-compatible `::a.b.c.d`, stateless translation, NAT64 (well-known and local prefix),
 * 6to4, Teredo (server and client), ISATAP.
 */
export function embeddedAddresses(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4[] {
  if (address.kind() === 'ipv4') return [];
  const v6 = address as ipaddr.IPv6; // proven by kind()
  const [, , , , high = 0, low = 0] = v6.parts;
  if (v6.match(SIX_TO_FOUR)) return [fourAt(v6, 1)];
  if (v6.match(TEREDO)) return [fourAt(v6, 2), fourAt(v6, 6, 0xffff)];
  const isIsatap = (high === 0 || high === 0x0200) && low === 0x5efe;
  const isTranslated = [COMPATIBLE, ...TRANSLATED].some((range) => v6.match(range));
  return isIsatap || isTranslated ? [fourAt(v6, 6)] : [];
}

/** The IPv4 address in two 16-bit parts from `at`; `mask` undoes Teredo's inversion. */
function fourAt({ parts }: ipaddr.IPv6, at: number, mask = 0): ipaddr.IPv4 {
  const [first = 0, second = 0] = parts.slice(at, at + 2).map((part) => part ^ mask);
  return new ipaddr.IPv4([first >> 8, first & 255, second >> 8, second & 255]);
}
