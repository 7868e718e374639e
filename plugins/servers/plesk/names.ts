// Names and passwords that Plesk takes, made from the panel's ids and from the host's random source.

import { createPassword as createText, digestKey } from 'cofferdam/sdk';
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
  return await digestKey(text, 12);
}

/**
 * 14 characters, the most that Plesk documents for a customer, with one of each class that its
 * strongest password rule asks for.
 */
export function createPassword(): string {
  return createText({ chars: 14, symbols: '!*#_-' });
}
