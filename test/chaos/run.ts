// One run: sends what the plan says, kills when it says, plays the person that hosts ask, and waits until
// nothing is open any more.

import type { Cluster } from './cluster.ts';
import { pause } from './cluster.ts';
import type { Plan, PlannedEvent, Sending } from './plan.ts';
import type { Outcome } from './world.ts';

/** How a run went beside what was compared. */
export type Report = {
  /** What ended otherwise than it should, or not at all */
  readonly problems: readonly string[];
  /** Operations about which a person had to look at the vendor */
  readonly resolved: number;
};

const LOOK_MS = 100;
/** Operations and webhooks that are under way at a time. */
const LANES = 6;

/** Runs it. @param drainMs How long what is open at the end may take */
export async function runPlan(
  plan: Plan,
  { cluster, outcome, drainMs }: { cluster: Cluster; outcome: Outcome; drainMs: number },
): Promise<Report> {
  const problems: string[] = [];
  const progress = { events: 0, isSent: false };
  const person = watchAsPerson(cluster, { outcome, isOver: () => progress.isSent });
  const killing = killHosts(cluster, plan, progress);
  await Promise.all([
    ...plan.events.map((events) => publishInOrder(cluster, events, progress)),
    inLanes(plan.operations, (each) => operate(cluster, each, problems)),
    inLanes(plan.hooks, (each) => sendHook(cluster, each, problems)),
  ]);
  await killing;
  await cluster.whole();
  problems.push(...(await drain(cluster, drainMs)));
  progress.isSent = true;
  return { problems, resolved: await person };
}

async function publishInOrder(
  cluster: Cluster,
  events: readonly PlannedEvent[],
  progress: { events: number },
): Promise<void> {
  for (const event of events) {
    const { id, subject, place } = event;
    const message = { id, type: 'invoice.paid', subject, data: { subject, place } };
    await toEach(event, (host) => taken(cluster, [host, 'POST', '/events', message]));
    progress.events += 1;
  }
}

/** Sends until it is taken: a panel does not give an event up. */
async function taken(
  cluster: Cluster,
  asked: Parameters<Cluster['request']>,
): Promise<{ status: number; body: any }> {
  for (;;) {
    const reply = await cluster.request(...asked);
    if (reply.status < 300) return reply;
    await pause(LOOK_MS);
  }
}

async function operate(cluster: Cluster, sending: Sending, problems: string[]): Promise<void> {
  const { id } = sending;
  const results = await toEach(sending, async (host) => {
    const input = { id, properties: {} };
    const headers = { 'idempotency-key': `create-${id}` };
    const path = '/admin/extensions/servers/vms/calls/create';
    for (;;) {
      const { status, body } = await cluster.request(host, 'POST', path, { input }, headers);
      if (status === 200) return JSON.stringify(body.result);
      if (body.code !== 'CALLER_CONFLICT') return `${status} ${body.code} ${body.detail}`;
      // It has not ended: somebody else runs it, or will.
      await pause(LOOK_MS);
    }
  });
  const wanted = JSON.stringify({ status: 'done', remoteId: `vm-${id}` });
  for (const result of results) {
    if (result !== wanted) problems.push(`operation ${id} ended with ${result}`);
  }
}

async function sendHook(cluster: Cluster, sending: Sending, problems: string[]): Promise<void> {
  const { id } = sending;
  const path = '/../../hooks/gateways/pay/default';
  const statuses = await toEach(sending, async (host) => {
    const { status } = await cluster.request(host, 'POST', path, { externalId: id });
    return status;
  });
  for (const status of statuses) {
    if (status !== 200 && status !== 202) problems.push(`webhook ${id} was answered ${status}`);
  }
}

/** To the host that is meant, and to its twin at the same time. */
function toEach<T>({ host, twin }: Sending, send: (host: number) => Promise<T>): Promise<T[]> {
  return Promise.all([host, ...(twin === undefined ? [] : [twin])].map(send));
}

async function inLanes<T>(all: readonly T[], work: (each: T) => Promise<void>): Promise<void> {
  const left = all.values();
  const lanes = Array.from({ length: LANES }, async () => {
    for (const each of left) await work(each);
  });
  await Promise.all(lanes);
}

async function killHosts(
  cluster: Cluster,
  { kills }: Plan,
  progress: { readonly events: number },
): Promise<void> {
  for (const { host, afterEvents } of kills) {
    while (progress.events < afterEvents) await pause(1);
    await cluster.kill(host);
  }
}

/** Looks at the vendor, as hosts ask when they cannot know what an effect has done. */
async function watchAsPerson(
  cluster: Cluster,
  { outcome, isOver }: { outcome: Outcome; isOver: () => boolean },
): Promise<number> {
  let resolved = 0;
  while (!isOver()) {
    const path = '/admin/deliveries?kind=resume&state=dead&limit=100';
    const { body } = await cluster.request(0, 'GET', path);
    for (const { id } of body.deliveries) {
      const { body: full } = await cluster.request(0, 'GET', `/admin/deliveries/${id}`);
      const service = JSON.parse(full.payload.inputText).id as string;
      const result = { status: 'done', remoteId: `vm-${service}` };
      const said = outcome.made.has(service) ? { as: 'done', result } : { as: 'again' };
      const reply = await cluster.request(0, 'POST', `/admin/deliveries/${id}/resolve`, said);
      if (reply.status === 204) resolved += 1;
    }
    await pause(LOOK_MS);
  }
  return resolved;
}

/** Waits until nothing is open. @returns What still is after `drainMs` */
async function drain(cluster: Cluster, drainMs: number): Promise<string[]> {
  const untilMs = performance.now() + drainMs;
  for (;;) {
    const open: string[] = [];
    for (const state of ['waiting', 'running', 'dead']) {
      const { body } = await cluster.request(0, 'GET', `/admin/deliveries?state=${state}&limit=20`);
      for (const { id, kind, target, error } of body.deliveries) {
        open.push(
          `${id} (${kind} of ${target}) is ${state}: ${error?.message ?? 'no failure yet'}`,
        );
      }
    }
    if (open.length === 0 || performance.now() > untilMs) return open;
    await pause(LOOK_MS);
  }
}
