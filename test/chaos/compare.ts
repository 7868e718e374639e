// What should have happened against what has: every difference in words. Pure.

import type { Plan } from './plan.ts';
import type { Outcome } from './world.ts';

/** The differences; none when nothing was lost and nothing was done twice. */
export function compare(plan: Plan, { seen, places, made, told }: Outcome): string[] {
  const differences: string[] = [];
  for (const events of plan.events) {
    for (const { id } of events)
      if (!seen.has(id)) differences.push(`event ${id} was never handled`);
    const subject = events[0]?.subject ?? '';
    const order = places.get(subject) ?? [];
    const stray = order.findIndex((place, at) => place < (order[at - 1] ?? 0));
    if (stray > 0) {
      differences.push(`${subject}: event ${order[stray]} was handled after ${order[stray - 1]}`);
    }
  }
  for (const { id } of plan.operations) {
    const times = made.get(id) ?? 0;
    if (times !== 1) differences.push(`operation ${id} had ${times} effects at the vendor`);
  }
  for (const { id } of plan.hooks) {
    const messages = told.get(id)?.size ?? 0;
    if (messages !== 1) differences.push(`payment ${id} was told to the panel ${messages} times`);
  }
  return differences;
}
