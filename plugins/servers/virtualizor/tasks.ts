// What Virtualizor works on in the background, and how that stands.

import type { Virtualizor } from './api.ts';
import type { Task } from './shapes.ts';

/** The newest task of one kind for a server; undefined when there is none. */
export async function latestTask(
  api: Virtualizor,
  vpsid: string,
  action: 'addvs' | 'deletevs',
): Promise<Task | undefined> {
  const own = (await api.tasks(vpsid)).filter(
    (task) => task.vpsid === vpsid && task.action === action,
  );
  return own.toSorted((a, b) => Number(b.actid) - Number(a.actid))[0];
}

/**
 * How a task stands.
 *
 * A status of 1 is "in progress" in the search form and "completed" in replies: the progress decides.
 */
export function standingOf({ status, progress }: Task): 'running' | 'done' | 'failed' {
  if (status === '-1' || status === 'error') return 'failed';
  if (status === '2' || status === 'done') return 'done';
  if (progress === undefined || progress === null) return status === '1' ? 'done' : 'running';
  return Number.parseFloat(String(progress)) >= 100 ? 'done' : 'running';
}
