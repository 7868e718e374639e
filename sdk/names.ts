// Names that panels take: the domain of an order, the user of an account, a host in an address.

import type { JsonObject } from './domain.ts';
import { fail } from './errors.ts';

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const DOMAIN = new RegExp(`^(?=.{4,253}$)(?:${LABEL}\\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})$`);

/**
 * The domain of a checkout in lower case, international names in their ASCII form.
 *
 * No other value of the checkout is read: a customer can never change what the admin set.
 *
 * @returns The domain, or what is wrong with it
 */
export function readDomain({
  domain,
}: JsonObject): { readonly domain: string } | { readonly problem: string } {
  if (domain === undefined || domain === null || domain === '') return { problem: 'has no value' };
  const text = typeof domain === 'string' ? domain.trim() : '';
  if (text === '' || text.length > 253 || /[^\p{L}\p{M}\p{N}.-]/u.test(text)) {
    return { problem: 'must be a domain name such as example.com, with no scheme and no path' };
  }
  const ascii = URL.parse(`http://${text}`)?.hostname.replace(/\.$/, '') ?? '';
  if (!DOMAIN.test(ascii)) return { problem: 'must be a domain name such as example.com' };
  if (ascii.startsWith('www.')) return { problem: 'must be the name without "www."' };
  return { domain: ascii };
}

/** @throws {ExtensionFailure} `invalid_input` that names the field */
export function parseDomain(checkout: JsonObject): string {
  const read = readDomain(checkout);
  if ('domain' in read) return read.domain;
  throw fail('invalid_input', `"domain" ${read.problem}`, {
    remedy: 'Correct the domain of the order',
  });
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const ALPHABET = `${LETTERS}0123456789`;

/**
 * The user name of a service's account, the same at every time: a letter, a digit, six of both.
 *
 * For panels that keep no id of ours: a look-up by it tells whether the account is there. Eight characters
 * are taken everywhere; the digit keeps clear of reserved names, and of names such as `test…`.
 */
export async function accountName(serviceId: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(serviceId));
  const [first = 0, second = 0, ...others] = new Uint8Array(digest);
  const rest = others.slice(0, 6).map((byte) => ALPHABET[byte % ALPHABET.length]);
  return `${LETTERS[first % LETTERS.length]}${second % 10}${rest.join('')}`;
}

/** A host as addresses have it: an IPv6 address in brackets. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * Where a panel answers, without a path. Port 443 is left out, as browsers do.
 *
 * @param panel `panelHost` and `panelPort` of a config; without a port, `host` is a `panelAddress`
 */
export function originOf(panel: { readonly host: string; readonly port?: number }): string {
  const { host, port } = panel;
  if (port === undefined) {
    const address = /^https?:\/\//i.test(host) ? host : `https://${host}`;
    return address.replace(/\/$/, '');
  }
  return `https://${urlHost(host)}${port === 443 ? '' : `:${port}`}`;
}
