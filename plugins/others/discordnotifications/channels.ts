// Which channel an event goes to, and the words an admin chose for it. Pure.

import { readPath } from 'cofferdam/sdk';
import type { JsonObject } from 'cofferdam/sdk';

import { cutText, escapeText, maskEmail, showMoney, showValue } from './text.ts';

/** What events are about; each may have a channel of its own. */
export const GROUPS = ['order', 'invoice', 'payment', 'ticket', 'service', 'user'] as const;

/** One of `GROUPS`. */
export type Group = (typeof GROUPS)[number];

/** `payment.disputed=ticket`, `user.created=main` */
export const ROUTE = /^([a-z]+\.[a-z_]+)=(main|order|invoice|payment|ticket|service|user)$/;

/** `invoice.paid: {{user.firstName}} paid {{invoice.total}}` */
export const TEMPLATE = /^([a-z]+\.[a-z_]+):\s*(\S[^]*)$/;

const PLACE = /\{\{\s*([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)\s*\}\}/g;
const TEXT_MAX = 2_000;

/** Webhook addresses by what they are for; a missing one is the main channel. */
export type Channels = { readonly main: string } & { readonly [group in Group]?: string };

/** The channel of an event: as a route says, else that of its group, else the main one. */
export function channelOf(name: string, routes: readonly string[], channels: Channels): string {
  const routed = routes.map((route) => ROUTE.exec(route)).find((match) => match?.[1] === name)?.[2];
  const [about] = name.split('.');
  const group = GROUPS.find((each) => each === (routed ?? about));
  if (routed === 'main' || group === undefined) return channels.main;
  return channels[group] || channels.main;
}

/** Every channel once. */
export function allChannels(channels: Channels): string[] {
  return [...new Set([channels.main, ...GROUPS.map((group) => channels[group] || channels.main)])];
}

/**
 * The text of an event by the admin's template; undefined without one.
 *
 * The admin's own words keep their markdown; what is put in has none, and e-mail addresses are masked.
 */
export function fillTemplate(
  name: string,
  templates: readonly string[],
  { data, showEmail }: { readonly data: JsonObject; readonly showEmail: boolean },
): string | undefined {
  const found = templates.map((each) => TEMPLATE.exec(each)).find((match) => match?.[1] === name);
  if (found?.[2] === undefined) return undefined;
  const filled = found[2].replaceAll(PLACE, (_all, path: string) => {
    const value = readPath(data, path);
    if (typeof value === 'string' && value.includes('@') && !showEmail) {
      return escapeText(value.replaceAll(/\S+@\S+/g, maskEmail));
    }
    return showMoney(data, path) ?? showValue(value) ?? '';
  });
  return cutText(filled, TEXT_MAX);
}
