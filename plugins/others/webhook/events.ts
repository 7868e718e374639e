// The events that can be passed on, and which of them an admin wants. Pure.

import { readPath } from 'cofferdam/sdk';
import type { EventMessage, Json, JsonObject } from 'cofferdam/sdk';

/** Every event of the panel that can be passed on; the manifest lists the same. */
export const EVENT_NAMES = [
  'order.created',
  'order.updated',
  'order.cancelled',
  'invoice.created',
  'invoice.updated',
  'invoice.paid',
  'invoice.overdue',
  'invoice.cancelled',
  'payment.processing',
  'payment.succeeded',
  'payment.failed',
  'payment.refunded',
  'payment.disputed',
  'ticket.created',
  'ticket.updated',
  'ticket.replied',
  'ticket.closed',
  'service.created',
  'service.updated',
  'service.upgraded',
  'service.suspended',
  'service.unsuspended',
  'service.terminated',
  'service.cancellation_requested',
  'user.created',
  'user.updated',
  'user.deleted',
] as const;

/** `invoice.total.currency=EUR`, `!user.country=US` */
export const CONDITION = /^(!?)([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)=(.{0,200})$/;

/** Whether every condition holds for an event's data. */
export function fits(data: JsonObject, conditions: readonly string[]): boolean {
  return conditions.every((text) => {
    const [, not = '', path = '', wanted = ''] = CONDITION.exec(text) ?? [];
    const value = readPath(data, path);
    const isPlain = value !== undefined && (typeof value !== 'object' || value === null);
    return (isPlain && String(value) === wanted) !== (not === '!');
  });
}

/** A copy of the data without the values at some paths. */
export function leaveOut(data: JsonObject, paths: readonly string[]): JsonObject {
  const copy = structuredClone(data);
  for (const path of paths) {
    const [last = '', ...before] = path.split('.').toReversed();
    const owner = before.length === 0 ? copy : readPath(copy, before.toReversed().join('.'));
    if (typeof owner === 'object' && owner !== null && !Array.isArray(owner)) delete owner[last];
  }
  return copy;
}

const PLACE = /\{\{\s*([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)\s*\}\}/g;
const WHOLE = /^\{\{\s*([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)\s*\}\}$/;

/**
 * Fills a template, which is JSON: `"{{data.total}}"` alone becomes the value itself, inside other words its
 * text. What is not there becomes null, or nothing. A value can never break out of its string.
 */
export function fillTemplate(template: Json, event: EventMessage): Json {
  if (typeof template === 'string') {
    const [, path] = WHOLE.exec(template) ?? [];
    if (path !== undefined) return readPath(event, path) ?? null;
    return template.replaceAll(PLACE, (_all, path: string) => textOf(readPath(event, path)));
  }
  if (Array.isArray(template)) return template.map((each) => fillTemplate(each, event));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(
    Object.entries(template).map(([name, value]) => [name, fillTemplate(value, event)]),
  );
}

function textOf(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
