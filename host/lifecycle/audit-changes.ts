// What the host does by itself to an instance or a process goes into the audit, with its cause: kills,
// strikes, rests and their ends, moves
// out of worn processes. What people do is audited where they ask for it.

import type { Logger } from 'pino';

import type { AuditRow, AuditStore } from '../store/audit.ts';
import type { Feed } from './feed.ts';
import type { StateChange } from '../changes.ts';

const HOST = { actor: 'host', role: 'system' } as const;

/** Writes a line for each of them for as long as the feed lives; one that cannot be written is logged. */
export function auditChanges({
  store,
  changes,
  log,
}: {
  readonly store: Pick<AuditStore, 'addAudit'>;
  readonly changes: Feed<StateChange>;
  readonly log: Logger;
}): void {
  changes.listen((change) => {
    const line = lineOf(change);
    if (line === undefined) return;
    store.addAudit({ at: change.at, ...HOST, ...line }).catch((error: unknown) => {
      log.error({ err: error, ...line }, 'audit not written');
    });
  });
}

function lineOf({
  type,
  subject,
  data,
}: StateChange): Pick<AuditRow, 'action' | 'subject' | 'outcome' | 'details'> | undefined {
  switch (type) {
    case 'instance.struck':
    case 'instance.quarantined':
    case 'instance.released':
    case 'instance.rolled-back':
    case 'instance.recycled':
      return { action: type, subject, outcome: outcomeOf(data['cause']), details: { ...data } };
    case 'cell.killed':
      // An orderly end is no event that anybody has to account for.
      if (data['cause'] === 'stopped') return undefined;
      return {
        action: type,
        subject: String(data['key'] ?? `process ${subject}`),
        outcome: String(data['cause']),
        details: { pid: Number(subject), detail: data['detail'] },
      };
    default:
      return undefined;
  }
}

/** A failure's code, or the word that was given. */
function outcomeOf(cause: unknown): string {
  if (typeof cause === 'string') return cause;
  const code: unknown = (cause as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'done';
}
