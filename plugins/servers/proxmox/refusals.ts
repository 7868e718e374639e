// Why Proxmox refused: it answers 500 to most things that it will not do, and keeps its words in `message`
// and `errors`; a task tells them as its exit status.

import { fail } from 'cofferdam/sdk';
import type { Explanation, ExtensionFailure, FailureCode, RemoteReply } from 'cofferdam/sdk';

/** What the words of Proxmox mean; the first that fits counts. */
const WORDS: readonly (readonly [RegExp, FailureCode])[] = [
  // Of the machine or the task itself: a storage that does not exist says nothing of either.
  [/configuration file .* does not exist|no such (?:vm|ct|task)\b/i, 'not_found'],
  [/already exists/i, 'conflict'],
  [/protection mode/i, 'conflict'],
  [/is locked|got (?:lock )?timeout|can't lock file/i, 'locked'],
  [/not enough|no space|quota|out of (?:space|memory)/i, 'capacity'],
];

const REMEDIES: { readonly [code in FailureCode]?: string } = {
  conflict: 'Look at the machine in Proxmox, take off its protection, then run the operation again',
  locked: 'Wait until Proxmox has finished what it does with the machine, then try again',
  capacity: 'Make room on the node or the storage, or choose another one in the product',
};

/** What an error body says. */
export function explain({ status, json }: RemoteReply): Explanation {
  const body = (json ?? {}) as { message?: unknown; errors?: Record<string, unknown> };
  const fields = Object.entries(body.errors ?? {}).map(
    ([name, why]) => `${name}: ${String(why).trim()}`,
  );
  const message = [String(body.message ?? '').trim(), ...fields]
    .filter((part) => part !== '')
    .join('; ');
  // Proxmox's own words stand beside "data": a 500 without it is of something else that failed.
  const isOwn = 'data' in body;
  const code = status === 500 && !isOwn ? 'unavailable' : codeOf(status, message);
  const remedy = code === undefined ? undefined : REMEDIES[code];
  return { code, remedy, ...(message === '' ? {} : { message }) };
}

/** The failure of a task, by how it ended. */
export function taskFailure(exitstatus: string): ExtensionFailure {
  return fail(meaningOf(exitstatus) ?? 'rejected', `Proxmox: ${exitstatus}`, {
    remedy: 'Look at the task log of Proxmox, put it right and run the operation again',
  });
}

function codeOf(status: number, message: string): FailureCode | undefined {
  if (status === 400) return 'rejected';
  // Proxmox says 500 of a machine that is not there: a 404 is not of Proxmox.
  if (status === 404) return 'invalid_response';
  // 595 and 596 are what one node says of another that it cannot reach.
  if (status === 595 || status === 596) return 'unavailable';
  return status === 500 ? (meaningOf(message) ?? 'rejected') : undefined;
}

function meaningOf(words: string): FailureCode | undefined {
  return WORDS.find(([pattern]) => pattern.test(words))?.[1];
}
