// Capabilities in words, what a new yes would add, and the form that narrows it.

import type { VNode } from 'preact';

import type { Grants, SecretBinding } from '../../grants.ts';

/** One thing an extension may do, in words; `fixed`: it cannot be struck out. */
export type GrantLine = { readonly key: string; readonly text: string; readonly fixed?: boolean };

/** Everything that grants allow, a line for each. */
export function grantLines(grants: Grants | null): GrantLine[] {
  if (grants === null) return [];
  const { fetch, lan, secrets, storage, events, webhook, schedule } = grants;
  return [
    ...(fetch?.hosts ?? []).map((host) => ({ key: `fetch ${host}`, text: `Connect to ${host}` })),
    ...(lan ?? []).map(({ cidr, reason, http, ports }) => ({
      key: `lan ${cidr}`,
      text: `Reach the private network ${cidr}${ports === undefined ? '' : ` on ports ${ports.join(', ')}`}${http === true ? ', without TLS' : ''}: ${reason}`,
    })),
    ...Object.entries(secrets ?? {}).map(secretLine),
    // Room of its own reaches nothing and nobody.
    ...(storage === undefined
      ? []
      : [
          {
            key: 'storage',
            text: `Keep up to ${sizeText(storage.quotaBytes)} of data`,
            fixed: true,
          },
        ]),
    ...(events ?? []).map((event) => ({ key: `event ${event}`, text: `Be told of ${event}` })),
    ...(webhook === true ? [{ key: 'webhook', text: 'Receive webhooks from its vendor' }] : []),
    ...(schedule ?? []).map(({ name, cron }) => ({
      key: `schedule ${name}`,
      text: `Run by itself: ${name} (${cron})`,
    })),
  ];
}

/** The key says where to: a wider binding is another line. What is earned could only be had in the clear. */
function secretLine([field, { hosts, in: places, earned }]: [string, SecretBinding]): GrantLine {
  const where =
    hosts.length === 0
      ? 'to nobody: it signs and verifies only'
      : `to ${hosts.join(', ')} (${places.join(', ')})`;
  const key = `secret ${field} ${where} ${JSON.stringify(earned ?? null)}`;
  if (!earned) return { key, text: `Have the secret “${field}” sent ${where}` };
  return {
    key,
    text: `Have “${field}”, given at ${earned.path}, sealed and sent ${where}`,
    fixed: true,
  };
}

/** What a decision changed, in words; the lock too, which narrows what the rest allows. */
export function changeLines(grants: Grants): string[] {
  const { lock } = grants;
  return [
    ...grantLines(grants).map(({ text }) => text),
    ...(lock?.length === 0 ? ['Locked to nothing'] : []),
    ...(lock ?? []).map(({ method, host, path }) => `Locked to ${method} ${host}${path}`),
  ];
}

/** The grants without the lines that were struck out. */
export function narrow(grants: Grants, struck: ReadonlySet<string>): Grants {
  const keeps = (key: string): boolean => !struck.has(key);
  const { fetch, secrets, events, webhook, schedule } = grants;
  return {
    ...(fetch === undefined
      ? {}
      : { fetch: { hosts: fetch.hosts.filter((host) => keeps(`fetch ${host}`)) } }),
    ...(secrets === undefined
      ? {}
      : {
          secrets: Object.fromEntries(
            Object.entries(secrets).filter((entry) => keeps(secretLine(entry).key)),
          ),
        }),
    ...(events === undefined ? {} : { events: events.filter((event) => keeps(`event ${event}`)) }),
    ...(webhook === undefined ? {} : { webhook: webhook && keeps('webhook') }),
    ...(schedule === undefined
      ? {}
      : { schedule: schedule.filter(({ name }) => keeps(`schedule ${name}`)) }),
  };
}

/** Requested beside granted, line by line. */
export function GrantTable({
  requested,
  granted,
}: {
  readonly requested: Grants;
  readonly granted: Grants | null;
}): VNode {
  const has = new Set(grantLines(granted).map(({ key }) => key));
  // Of room it is told how much it has, not how much it wanted.
  const { storage = requested.storage, lock } = granted ?? {};
  const asks = grantLines({ ...requested, ...(storage === undefined ? {} : { storage }) });
  const asked = new Set(asks.map(({ key }) => key));
  const more = grantLines(granted).filter(({ key }) => !asked.has(key));
  if (asks.length + more.length === 0) {
    return <p class="quiet">It asks for nothing: no network, no storage, no events.</p>;
  }
  return (
    <ul class="plain">
      {asks.map(({ key, text }) => (
        <li key={key} class="row spread">
          <span>{text}</span>
          <span class={`badge ${has.has(key) ? 'good' : 'warn'}`}>
            {has.has(key) ? 'granted' : 'not granted'}
          </span>
        </li>
      ))}
      {more.map(({ key, text }) => (
        <li key={key} class="row spread">
          <span>{text}</span>
          <span class="badge good">granted by an admin</span>
        </li>
      ))}
      {lock === undefined ? null : (
        <li class="row spread">
          <span>
            Locked to requests of {lock.length} {lock.length === 1 ? 'kind' : 'kinds'}
          </span>
          <span class="badge warn">locked</span>
        </li>
      )}
    </ul>
  );
}

function sizeText(bytes: number): string {
  return bytes >= 1_048_576
    ? `${Math.round(bytes / 1_048_576)} MiB`
    : `${Math.ceil(bytes / 1_024)} KiB`;
}
