// The message about one event, written from what events.ts lets out of the panel. Pure.

import { readPath } from 'cofferdam/sdk';
import type { Json, JsonObject } from 'cofferdam/sdk';

import type { Embed } from './embed.ts';
import { EVENTS } from './events.ts';
import type { EventName, Shown } from './events.ts';
import { cutText, escapeText, maskEmail, showMoney, showValue } from './text.ts';

/**
 * Writes the message about one event.
 *
 * @param at ISO 8601; left out of the message when it is no date
 * @param options.showEmail Whole addresses instead of masked ones
 */
export function describeEvent(
  name: EventName,
  event: { readonly at?: string; readonly data: JsonObject },
  options: {
    readonly showEmail: boolean;
    /** Labels that are left out */
    readonly hidden?: readonly string[];
    /** Instead of the event's own message */
    readonly text?: string | undefined;
  },
): Embed {
  const { title, color, shows } = EVENTS[name];
  const fields = new Map<string, { name: string; value: string; inline: boolean }>();
  for (const shown of shows) {
    const value = showField(event.data, shown, options.showEmail);
    // The first path that has a value wins; a second entry of the same label is its fallback.
    if (value === undefined || fields.has(shown.label)) continue;
    if (options.hidden?.includes(shown.label) === true) continue;
    fields.set(shown.label, { name: shown.label, value, inline: shown.inline ?? false });
  }
  const changed = showChanges(event.data['changes']);
  if (changed !== undefined && options.hidden?.includes('Changed') !== true)
    fields.set('Changed', { name: 'Changed', value: changed, inline: false });
  const text = options.text ?? showValue(event.data['message']);
  const url = event.data['url'];
  return {
    title,
    color,
    fields: [...fields.values()],
    ...(text === undefined ? {} : { description: text }),
    ...(isHttps(url) ? { url } : {}),
    ...(isDate(event.at) ? { timestamp: new Date(event.at).toISOString() } : {}),
  };
}

function showField(data: Json, shown: Shown, showEmail: boolean): string | undefined {
  for (const path of shown.paths) {
    const value = showPath(data, path, shown.as, showEmail);
    if (value !== undefined) return value;
  }
  return undefined;
}

function showPath(
  data: Json,
  path: string,
  as: Shown['as'],
  showEmail: boolean,
): string | undefined {
  if (as === 'money') return showMoney(data, path);
  const value = readPath(data, path);
  if (as === 'name') return showName(value);
  if (as !== 'email') return showValue(value);
  if (typeof value !== 'string' || value === '') return undefined;
  return escapeText(showEmail ? value : maskEmail(value));
}

function showName(value: Json | undefined): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return showValue(value);
  const parts = [value['firstName'], value['lastName']].map(showValue).filter(Boolean);
  return parts.length > 0 ? parts.join(' ') : showValue(value['companyName']);
}

/** Names of changed fields; their values stay in the panel. */
function showChanges(changes: Json | undefined): string | undefined {
  if (typeof changes !== 'object' || changes === null) return undefined;
  const names = Array.isArray(changes)
    ? changes.map(showValue)
    : Object.keys(changes).map(escapeText);
  const text = names.filter(Boolean).join(', ');
  return text === '' ? undefined : cutText(text, 500);
}

function isHttps(url: Json | undefined): url is string {
  if (typeof url !== 'string' || url.length > 2_048) return false;
  try {
    return new URL(url).protocol === 'https:';
  } catch (error) {
    // No address at all: the message goes without a link.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

function isDate(at: string | undefined): at is string {
  return at !== undefined && !Number.isNaN(Date.parse(at));
}
