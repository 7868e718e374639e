// The key that a call runs under: one call at a time about one thing, on whichever host. A call whose key is
// lost ends, and has no result.

import { timedOut } from '../broker/outcomes.ts';
import type { Recording } from '../recorder/recording.ts';
import type { Held, Store, TurnWait } from '../store/store.ts';
import type { Prepared } from './prepared.ts';
import { BoundedTurns } from './turns.ts';

/** The lines of this host's calls. */
export class CallTurns {
  readonly #store: Pick<Store, 'exclusive'>;
  readonly #turns = new BoundedTurns();

  constructor(store: Pick<Store, 'exclusive'>) {
    this.#store = store;
  }

  /**
   * Runs `work` after every call before it about the same thing, with the key of that.
   *
   * @throws {HostError} `EXTENSION_TIMED_OUT` when its turn does not come by its deadline; `HOST_OVERLOADED`
   */
  run<T>(
    { id, handler, deadline, subject, journalled }: Omit<Prepared, 'instance'>,
    callId: string,
    work: (held?: Held) => Promise<T>,
  ): Promise<T> {
    // What is about nothing else is about itself: a host that takes a call over must be the only one to run it.
    const about = subject ?? (journalled === true ? callId : undefined);
    if (about === undefined) return work();
    const key = `${id} ${about}`;
    const waitUntilDeadline = (): TurnWait => ({
      waitMs: deadline.leftMs,
      late: () => timedOut(handler, 'while an earlier call about the same thing ran'),
    });
    // First the line of this host, then that of all hosts: one of a host asks the store at a time.
    return this.#turns.run(
      key,
      () => this.#store.exclusive(`call ${key}`, work, waitUntilDeadline()),
      waitUntilDeadline(),
    );
  }
}

/**
 * Runs a call under its key. When that is lost, the call is cancelled as soon as the effects that have left
 * are answered: what is written down of them spares a person's look.
 *
 * @throws {HostError} `HOST_STORE_FAILED` when the key was lost, whatever the guest made of what it was refused
 */
export async function runUnderKey<T>(
  { held, cancellation }: Pick<Prepared, 'held' | 'cancellation'>,
  recording: Recording,
  work: () => Promise<T>,
): Promise<T> {
  if (held === undefined) return work();
  const { signal } = held;
  signal.throwIfAborted();
  recording.held = held;
  const end = (): void => void recording.answered().then(() => cancellation.cancel());
  signal.addEventListener('abort', end);
  try {
    const value = await work();
    signal.throwIfAborted();
    return value;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
    recording.held = undefined;
  }
}
