// The tasks that Proxmox works on: most ends come within a moment, the others are asked for later.

import { orAbsent } from 'cofferdam/sdk';
import type { ExtensionFailure } from 'cofferdam/sdk';

import type { Guest, Proxmox } from './api.ts';
import { taskFailure } from './refusals.ts';

/** How long a call waits for a task that may end at once, before it answers "pending". */
const WAITS_MS = [200, 400, 800];

/** How a task went; `failed` with Proxmox's own words, `running` when it takes longer than a moment. */
export type Outcome =
  | { readonly state: 'ok' | 'running' }
  | { readonly state: 'failed'; readonly failure: ExtensionFailure };

/** Waits a moment for a task. Throws when Proxmox cannot be asked: that says nothing of the task. */
export async function lookAtTask(api: Proxmox, guest: Guest, upid: string): Promise<Outcome> {
  const node = upid.split(':')[1] ?? guest.node;
  for (const waitMs of [...WAITS_MS, 0]) {
    const task = await orAbsent(() => api.task(node, upid));
    // Old tasks are forgotten: what the machine is like now says more.
    if (task === undefined) return { state: 'ok' };
    if (task.status === 'stopped') {
      const { exitstatus = 'OK' } = task;
      const isGood = exitstatus === 'OK' || exitstatus.startsWith('WARNINGS');
      return isGood ? { state: 'ok' } : { state: 'failed', failure: taskFailure(exitstatus) };
    }
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  return { state: 'running' };
}

/** As `lookAtTask`. @throws {ExtensionFailure} With Proxmox's own words when the task failed */
export async function afterTask(
  api: Proxmox,
  guest: Guest,
  upid: string,
): Promise<'ok' | 'running'> {
  const outcome = await lookAtTask(api, guest, upid);
  if (outcome.state === 'failed') throw outcome.failure;
  return outcome.state;
}
