// Names and passwords that Plesk takes, made from the panel's ids and from the host's random source.

import type { Service, User } from 'cofferdam/sdk';

import type { Config } from './config.ts';

/** What Plesk keeps as a customer's external id; the panel's mark stands before the user's id. */
export function externalIdOf({ mark }: Config, user: User): string {
  return `${mark}:${user.id}`;
}

/** The login of a user's customer account: one per user, so that two at once cannot both be made. */
export async function customerLoginOf({ mark }: Config, user: User): Promise<string> {
  return `c${await digest(`${mark} customer ${user.id}`)}`;
}

/** The system user of a service's site. Plesk wants it unique on the server and at most 16 long. */
export async function siteLoginOf({ mark }: Config, service: Service): Promise<string> {
  return `s${await digest(`${mark} service ${service.id}`)}`;
}

/** 48 bits as hex digits: names of at most 13 characters, whatever characters the ids have. */
async function digest(text: string): Promise<string> {
  const hash = new Uint8Array(
    await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)),
  );
  return [...hash.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

const CLASSES = ['abcdefghijkmnpqrstuvwxyz', 'ABCDEFGHJKLMNPQRSTUVWXYZ', '23456789', '!*#_-'];
const ALL = CLASSES.join('');

/**
 * 14 characters, the most that Plesk documents for a customer, with one of each class that its
 * strongest password rule asks for; ones that look alike are left out.
 */
export function createPassword(): string {
  const letters = [...CLASSES.map(pick), ...Array.from({ length: 10 }, () => pick(ALL))];
  for (let last = letters.length - 1; last > 0; last -= 1) {
    const at = below(last + 1);
    [letters[last], letters[at]] = [letters[at] ?? '', letters[last] ?? ''];
  }
  return letters.join('');
}

const pick = (from: string): string => from[below(from.length)] ?? '';

/** An integer from 0 to `bound` - 1, each equally likely. `bound` is at most 256. */
function below(bound: number): number {
  const fair = 256 - (256 % bound);
  for (;;) {
    for (const byte of crypto.getRandomValues(new Uint8Array(16))) {
      if (byte < fair) return byte % bound;
    }
  }
}
