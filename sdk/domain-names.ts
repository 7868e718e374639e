// The domain that a customer orders hosting for, as panels write it.

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
