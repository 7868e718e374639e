// What the REST API has no path for, done by Plesk's own command line utilities, and their texts read.
// Source: Plesk Obsidian's reference of command line utilities: subscription, service_plan, admin.

import { fail } from 'cofferdam/sdk';
import type { Usage } from 'cofferdam/sdk';

import type { Plesk } from './api.ts';

/** Utilities that this extension calls. */
export const UTILITIES = ['subscription', 'service_plan', 'admin'] as const;

/** What `subscription --info` says of a site: lines of a name, a colon and a value. */
export type SiteReport = ReadonlyMap<string, string>;

/** Asks for the report of a subscription. */
export async function readReport(api: Plesk, name: string): Promise<SiteReport> {
  const text = await api.run('subscription', ['--info', name]);
  const lines = text.split('\n').flatMap((line) => {
    const [, key, value] = /^([^:]+):(.*)$/.exec(line) ?? [];
    return key === undefined || value === undefined ? [] : [[key.trim(), value.trim()] as const];
  });
  return new Map(lines);
}

/** The system user of a site. @throws {ExtensionFailure} `invalid_response` when the report has none */
export function systemUserOf(report: SiteReport): string {
  const found = report.get('FTP Login');
  if (found !== undefined && found !== '') return found;
  throw fail('invalid_response', 'Plesk: subscription --info says no "FTP Login"', {
    remedy:
      'Set the language of the Plesk administrator to English: the report is read by its words',
  });
}

/** The names of the plans that can be sold. */
export async function planNames(api: Plesk): Promise<string[]> {
  const text = await api.run('service_plan', ['--list']);
  const names = text.split('\n').map((line) => line.trim());
  return [...new Set(names.filter((name) => name !== ''))];
}

/** Moves a subscription to another plan; to the same one changes nothing. */
export async function switchPlan(api: Plesk, name: string, plan: string): Promise<void> {
  await api.run('subscription', ['--switch-subscription', name, '-service-plan', plan]);
}

/** Applies the plan as it is now to a subscription. */
export async function applyPlan(api: Plesk, name: string): Promise<void> {
  await api.run('subscription', ['--sync-subscription', name]);
}

/** Sets the password of a site's system user; it travels in the environment, as Plesk advises. */
export async function setSitePassword(api: Plesk, name: string, password: string): Promise<void> {
  await api.run('subscription', ['--update', name, '-passwd', ''], { PSA_PASSWORD: password });
}

/** Path and query of a link that logs a customer in, once; the caller knows the host. */
export async function readLoginPath(api: Plesk, login: string): Promise<string> {
  const text = await api.run('admin', ['--get-login-link', '-user', login]);
  const links = text.split(/\s+/).map((word) => URL.parse(word));
  // The server names itself by all its names: which of them a browser reaches only the config knows.
  const found = links.find(
    (link) => link?.protocol === 'https:' && link.searchParams.has('secret'),
  );
  if (found === undefined || found === null) {
    throw fail('invalid_response', 'Plesk: admin --get-login-link gave no link');
  }
  return found.pathname + found.search;
}

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1_024,
  MB: 1_024 ** 2,
  GB: 1_024 ** 3,
  TB: 1_024 ** 4,
};

/** Bytes of a text such as "96.0 KB"; undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const [, number = '', unit = ''] = /^(\d+(?:[.,]\d+)?)\s*([KMGT]?B)\b/.exec(text) ?? [];
  const factor = UNITS[unit];
  return factor === undefined ? undefined : Math.round(Number(number.replace(',', '.')) * factor);
}

/** What a report measures. @throws {ExtensionFailure} `invalid_response` when it measures nothing */
export function usageOf(report: SiteReport): Usage[] {
  const disk = [...report]
    .filter(([key]) => key.startsWith('Disk space used by'))
    .flatMap(([, value]) => parseSize(value) ?? []);
  const traffic = parseSize(report.get('Traffic') ?? '');
  const quota = parseSize(report.get('Hard disk quota') ?? '');
  const sum = disk.reduce((total, bytes) => total + bytes, 0);
  const limit = quota === undefined || quota === 0 ? null : quota;
  const measured: Usage[] = [
    ...(disk.length === 0 ? [] : [{ name: 'disk', used: sum, limit, unit: 'bytes' } as const]),
    ...(traffic === undefined
      ? []
      : [{ name: 'traffic', used: traffic, limit: null, unit: 'bytes' } as const]),
  ];
  if (measured.length > 0) return measured;
  throw fail('invalid_response', 'Plesk: subscription --info measures neither disk nor traffic', {
    remedy:
      'Set the language of the Plesk administrator to English: the report is read by its words',
  });
}
