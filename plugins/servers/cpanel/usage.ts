// What an account uses: disk and files from its own line, traffic of the month from `showbw`.

import { isFailure } from 'cofferdam/sdk';
import type { Log, Usage } from 'cofferdam/sdk';

import type { Account, Whm } from './api.ts';

type Size = string | number | null | undefined;

const MEBIBYTE = 2 ** 20;

/** Measures; without the privilege `show-bandwidth` the traffic is left out and the log says so. */
export async function measure(whm: Whm, account: Account, log: Log): Promise<Usage[]> {
  const usage: Usage[] = [
    {
      name: 'disk',
      used: (readNumber(account.diskused) ?? 0) * MEBIBYTE,
      limit: scale(readNumber(account.disklimit), MEBIBYTE),
      unit: 'bytes',
    },
  ];
  if (account.inodesused != null) {
    usage.push({
      name: 'files',
      used: readNumber(account.inodesused) ?? 0,
      limit: readNumber(account.inodeslimit),
      unit: 'count',
    });
  }
  try {
    const traffic = await whm.bandwidth(account.user);
    const limit = readNumber(traffic?.limit);
    usage.push({ name: 'traffic', used: traffic?.totalbytes ?? 0, limit, unit: 'bytes' });
  } catch (error) {
    if (!isFailure(error, 'forbidden')) throw error;
    log.warn('Traffic is not measured: the API token lacks "show-bandwidth"');
  }
  return usage;
}

/** `"14M"` → 14, `"3531007M"` → 3531007; "unlimited", 0 and what is no number → null: no limit. */
function readNumber(size: Size): number | null {
  const [, digits] = /^(\d+(?:\.\d+)?)M?$/.exec(String(size ?? '').trim()) ?? [];
  const number = Number(digits ?? 0);
  return number > 0 ? number : null;
}

const scale = (number: number | null, by: number): number | null =>
  number === null ? null : number * by;
