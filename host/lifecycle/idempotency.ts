// Calls with an Idempotency-Key: the first one runs, every repeat gets its stored outcome.

import { createHash } from 'node:crypto';

import { HostError, toErrorData } from '../errors.ts';
import type { ErrorData } from '../errors.ts';
import { operationPlace } from '../store/sealed.ts';
import type { OperationRow, Store } from '../store/store.ts';
import type { Vault } from '../store/vault.ts';
import { isCutOff } from './cut-off.ts';
import type { CallOutcome } from './host.ts';
import { oneTimeOf, textWithoutOneTime, withOneTime } from './one-time.ts';

type Subject = {
  readonly instance: string;
  readonly key: string;
  readonly callId: string;
  readonly handler: string;
  readonly inputText: string;
  readonly startedAt: string;
};

type Stored =
  /** `oneTime`: sealed, for the first repeat alone */
  { outcome: CallOutcome; oneTime?: string } | { error: ErrorData };

/**
 * Runs `run` once per (instance, key).
 *
 * The key is on disk before `run` starts. A repeat with another handler or input is refused; one that
 * comes while the first runs, or after a crash in the middle of it, is refused too: nobody can know
 * whether the effect has happened.
 *
 * @throws {HostError} `CALLER_CONFLICT`, or what the first run ended with
 */
export async function runOnce(
  { store, vault }: { readonly store: Store; readonly vault: Vault },
  subject: Subject,
  run: () => Promise<CallOutcome>,
): Promise<CallOutcome> {
  const { instance, key, callId, handler, startedAt } = subject;
  const inputHash = hashInput(subject.inputText);
  const row = { instance, key, callId, handler, inputHash, startedAt } as const;
  const known = await store.startOperation({ ...row, state: 'running', outcome: null });
  if (known !== undefined) {
    const stored = readStored(known, { handler, inputHash });
    return handOver({ store, vault }, { instance, key }, stored);
  }
  let outcome: CallOutcome;
  try {
    outcome = await run();
  } catch (error) {
    if (!(await isCutOff(store, { callId, key }, error))) {
      await replaceFailure(store, { instance, key, error: toErrorData(error) });
    }
    throw error;
  }
  // Apart: that it could not be written down is not how the call ended.
  await replaceOutcome(store, { instance, key, outcome });
  return outcome;
}

/**
 * Stores the outcome that repeats are given from now on.
 *
 * @param vault Given when nobody has seen what the outcome shows once: it is kept, sealed, for the first repeat
 */
export async function replaceOutcome(
  store: Pick<Store, 'endOperation'>,
  { instance, key, outcome }: Pick<Subject, 'instance' | 'key'> & { outcome: CallOutcome },
  vault?: Vault,
): Promise<void> {
  const oneTime = vault === undefined ? undefined : oneTimeOf(outcome.resultText);
  const place = operationPlace(instance, key);
  const text = JSON.stringify({
    outcome: { ...outcome, resultText: textWithoutOneTime(outcome.resultText) },
    ...(vault === undefined || oneTime === undefined
      ? {}
      : { oneTime: vault.seal(JSON.stringify(oneTime), place).$sealed }),
  } satisfies Stored);
  await store.endOperation({ instance, key, state: 'done', outcome: text });
}

/** Stores the failure that repeats are given from now on. */
export async function replaceFailure(
  store: Pick<Store, 'endOperation'>,
  { instance, key, error }: Pick<Subject, 'instance' | 'key'> & { error: ErrorData },
): Promise<void> {
  const text = JSON.stringify({ error } satisfies Stored);
  await store.endOperation({ instance, key, state: 'failed', outcome: text });
}

/** What identifies a call's input among repeats. */
export function hashInput(inputText: string): string {
  return createHash('sha256').update(inputText).digest('hex');
}

/** The stored outcome. What is shown once goes out with the first repeat; of two at one moment both may get it. */
async function handOver(
  { store, vault }: { readonly store: Store; readonly vault: Vault },
  subject: Pick<Subject, 'instance' | 'key'>,
  { outcome, oneTime }: Extract<Stored, { outcome: CallOutcome }>,
): Promise<CallOutcome> {
  if (oneTime === undefined) return outcome;
  const place = operationPlace(subject.instance, subject.key);
  const shown = JSON.parse(vault.open({ $sealed: oneTime }, place)) as object;
  await replaceOutcome(store, { ...subject, outcome });
  return { ...outcome, resultText: withOneTime(outcome.resultText, shown) };
}

/** What the first run ended with. @throws {HostError} `CALLER_CONFLICT`, or the failure it ended with */
function readStored(
  known: OperationRow,
  now: { handler: string; inputHash: string },
): Extract<Stored, { outcome: CallOutcome }> {
  if (known.handler !== now.handler || known.inputHash !== now.inputHash) {
    throw new HostError(
      'CALLER_CONFLICT',
      `Idempotency-Key "${known.key}" was used for another call (${known.callId})`,
      { remedy: 'Use a new key for a new operation', details: { callId: known.callId } },
    );
  }
  if (known.outcome === null) {
    throw new HostError(
      'CALLER_CONFLICT',
      `The call of Idempotency-Key "${known.key}" has not ended: it needs reconciliation if the host was restarted`,
      {
        remedy: `Look at call ${known.callId}, and at the vendor whether its effect is there`,
        details: { callId: known.callId, startedAt: known.startedAt },
      },
    );
  }
  const stored = JSON.parse(known.outcome) as Stored;
  if ('outcome' in stored) return stored;
  const { code, message, ...more } = stored.error;
  throw new HostError(code, message, more);
}
