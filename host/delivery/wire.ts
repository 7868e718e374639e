// Puts the parts of deliveries together: queue, executors, ledger's keeper, messages to the panel.

import { toErrorData } from '../errors.ts';
import { createFactRecorder } from '../ledger/facts.ts';
import type { FactRecorder } from '../ledger/facts.ts';
import type { Calls } from '../lifecycle/calls.ts';
import type { HostParts } from '../lifecycle/parts.ts';
import { createDeliveries } from './deliveries.ts';
import type { Deliveries } from './deliveries.ts';
import { executeDelivery } from './execute.ts';
import { factMessage } from './fact-message.ts';
import { createFinishOperation } from './finished.ts';
import { createPanelMessenger } from './panel.ts';
import { DeliveryQueue } from './queue.ts';
import { createReconciler } from './reconcile.ts';
import { createResumer } from './resume.ts';
import { Subscriptions } from './subscriptions.ts';

/** Where the panel is told, if it is. */
export type PanelSettings = {
  readonly panelUrl: string | undefined;
  readonly panelSecret: string | undefined;
};

/** The ledger's keeper; the panel is told of what changes, where one is set. */
export function wireFacts(
  { panelUrl }: PanelSettings,
  { store, publish, clock: { nowMs } }: Pick<HostParts, 'store' | 'publish' | 'clock'>,
): FactRecorder {
  const tellsPanel = panelUrl !== undefined;
  return createFactRecorder({
    store,
    nowMs,
    message: (row) => (tellsPanel ? factMessage(row, nowMs()) : undefined),
    onRecorded: (rows) => {
      for (const { instance, externalId, kind, state, problem } of rows) {
        const data = { externalId, kind, state, problem };
        publish({ type: 'fact.recorded', subject: instance, data });
      }
    },
  });
}

/** Events, webhooks, ticks, facts and messages to the panel, with their workers. */
export function wireDeliveries(
  { panelUrl: url, panelSecret: secret }: PanelSettings,
  { parts, calls }: { readonly parts: HostParts; readonly calls: Calls },
): Deliveries {
  const { store, vault, publish, changes, log, clock } = parts;
  const { nowMs } = clock;
  const hasPanel = url !== undefined && secret !== undefined;
  const panel = hasPanel ? createPanelMessenger({ url, secret, nowMs }) : undefined;
  const finish = createFinishOperation({ store, vault, nowMs, hasPanel });
  const reconciler = createReconciler({ calls, nowMs, finish });
  const resumer = createResumer({ ...parts, nowMs, calls, finish });
  const onError = (error: unknown): void => log.error({ err: error }, 'delivery failed');
  const queue = new DeliveryQueue({
    ...{ store, clock, onError },
    execute: (row) => executeDelivery({ calls, panel, reconciler, resumer }, row),
    onDead: ({ id, kind, target, type }, error) =>
      publish({
        type: 'delivery.dead',
        subject: target,
        data: { id, kind, type, error: toErrorData(error) },
      }),
  });
  const subscriptions = new Subscriptions(store, () => performance.now());
  changes.listen(({ type }) => {
    if (type.startsWith('instance.')) subscriptions.forget();
    if (type === 'fact.recorded') queue.wake();
  });
  return createDeliveries({ ...parts, nowMs, calls, queue, subscriptions, resumer, onError });
}
