// What a user uses, against the limits of the package.

import type { Usage } from 'cofferdam/sdk';

import type { DirectAdmin, Limit } from './api.ts';

/** Measures; what the package does not offer at all is left out. */
export async function measure(api: DirectAdmin, username: string): Promise<Usage[]> {
  const all = await api.usage(username);
  const lines: readonly [string, Limit | undefined, Usage['unit']][] = [
    ['disk', all.quotaBytes, 'bytes'],
    ['traffic', all.bandwidthBytes, 'bytes'],
    ['files', all.inode, 'count'],
    ['domains', all.domains, 'count'],
    ['mailboxes', all.emailAccounts, 'count'],
    ['databases', all.mySqlDatabases, 'count'],
  ];
  return lines.flatMap(([name, measured, unit]) => {
    if (measured === undefined) return [];
    const { usage, limit, unlimited = false } = measured;
    // A negative limit is none; zero is a thing that the package does not have.
    const bound = unlimited || limit < 0 ? null : limit;
    return bound === 0 ? [] : [{ name, used: Math.max(0, usage), limit: bound, unit }];
  });
}
