// One attempt of one delivery: which handler it is for, what that is given, what its answer means.

import type { Calls } from '../lifecycle/calls.ts';
import { HostError } from '../errors.ts';
import type { CallOutcome } from '../lifecycle/host.ts';
import type { DeliveryRow } from '../store/deliveries.ts';
import type { PanelMessenger } from './panel.ts';
import type { Attempt } from './queue.ts';
import type { Reconciler } from './reconcile.ts';
import type { Resumer } from './resume.ts';

/** What an attempt may use. */
export type ExecutePowers = {
  readonly calls: Calls;
  readonly panel: PanelMessenger | undefined;
  readonly reconciler: Reconciler;
  readonly resumer: Resumer;
};

/** Runs one attempt. @throws {HostError} It failed */
export async function executeDelivery(powers: ExecutePowers, row: DeliveryRow): Promise<Attempt> {
  switch (row.kind) {
    case 'panel':
      return sendToPanel(powers, row);
    case 'reconcile':
      return powers.reconciler.run(row);
    case 'resume':
      return powers.resumer.run(row);
    case 'webhook':
      return (await runWebhook(powers, row)).attempt;
    case 'event':
    case 'schedule':
      await powers.calls.deliver(row, (handlers) => handlerFor(row, handlers));
      return { state: 'done' };
  }
}

/** Runs a webhook's handler. What led to no fact is not kept: a stranger may have sent it. */
export async function runWebhook(
  { calls }: Pick<ExecutePowers, 'calls'>,
  row: DeliveryRow,
): Promise<{ readonly attempt: Attempt; readonly outcome: CallOutcome }> {
  const outcome = await calls.deliver(row, (handlers) => handlerFor(row, handlers));
  return { outcome, attempt: { state: 'done', forget: outcome.facts === 0 } };
}

async function sendToPanel({ panel }: ExecutePowers, row: DeliveryRow): Promise<Attempt> {
  if (panel === undefined) {
    throw new HostError('CALLER_UNSUPPORTED', 'No panel is set to be told', {
      remedy: 'Set COFFERDAM_PANEL_URL and COFFERDAM_PANEL_SECRET',
    });
  }
  await panel.send(row);
  // What is shown once was shown now.
  return { state: 'done', forget: row.payload.includes('"oneTime"') };
}

/** The handler's name: `on.invoice.paid`, or the pattern that the extension itself wrote, `on.invoice.*`. */
function handlerFor(
  { kind, type }: Pick<DeliveryRow, 'kind' | 'type'>,
  handlers: readonly string[],
): string {
  if (kind === 'webhook') return 'webhook';
  if (kind === 'schedule') return 'onSchedule';
  const exact = `on.${type}`;
  if (handlers.includes(exact)) return exact;
  return (
    handlers.find((name) => name.startsWith('on.') && matchesEvent(name.slice(3), type)) ?? exact
  );
}

/** Whether an event type is one that a name of the manifest covers: `ticket.*` covers `ticket.reply.made`. */
export function matchesEvent(pattern: string, type: string): boolean {
  if (pattern === type) return true;
  const parts = pattern.split('.');
  const names = type.split('.');
  const isOpen = parts.at(-1) === '*';
  if (isOpen ? names.length < parts.length : names.length !== parts.length) return false;
  return parts.every((part, at) => part === '*' || part === names[at]);
}
