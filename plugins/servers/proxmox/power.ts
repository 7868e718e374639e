// Starting and stopping a machine. One that is as wanted already is left alone.

import type { ServerResult } from 'cofferdam/sdk';

import type { Guest, Proxmox } from './api.ts';
import { done, pending } from './guests.ts';
import { afterTask } from './tasks.ts';

/** What is done, and what the machine is like afterwards. */
export type PowerAct = {
  readonly act: 'start' | 'stop' | 'shutdown' | 'reboot';
  readonly wanted: 'running' | 'stopped';
};

/** Does it, and waits for a moment. A shutdown becomes a stop after a minute. */
export async function power(
  api: Proxmox,
  guest: Guest,
  { act, wanted }: PowerAct,
): Promise<ServerResult> {
  const { status } = await api.current(guest);
  if (status === wanted && act !== 'reboot') return done(guest);
  const upid = await api.power(guest, act, act === 'shutdown' ? { forceStop: 1, timeout: 60 } : {});
  return (await afterTask(api, guest, upid)) === 'running' ? pending(guest, upid) : done(guest);
}
