// The token: typed in once, kept for this tab only, never in a URL.

import { signal } from '@preact/signals';

import type { Scope } from '../scope.ts';

const KEY = 'cofferdam.token';

/** Whose token it is. */
export type Session = { readonly id: string; readonly role: string; readonly scope: Scope };

/** The token of this tab; empty before one was given. */
export const token = signal(sessionStorage.getItem(KEY) ?? '');

/** Whose it is; undefined until the host has said so. */
export const session = signal<Session | undefined>(undefined);

/** Why the last one is no longer good. */
export const ended = signal('');

/** Keeps a token that the host has taken. */
export function signIn(secret: string, whose: Session): void {
  sessionStorage.setItem(KEY, secret);
  ended.value = '';
  session.value = whose;
  token.value = secret;
}

/** Forgets it. */
export function signOut(why = ''): void {
  sessionStorage.removeItem(KEY);
  ended.value = why;
  session.value = undefined;
  token.value = '';
}

/** Whether the token may change how things run. */
export function mayOperate(): boolean {
  return session.value?.role === 'admin' || session.value?.role === 'operator';
}

/** Whether it may do everything, within its scope. */
export function mayAdminister(): boolean {
  return session.value?.role === 'admin';
}

/** Whether it may do what is about the whole host. */
export function mayAdministerHost(): boolean {
  return mayAdminister() && session.value?.scope === null;
}
