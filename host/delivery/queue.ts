// Runs what is due: claims deliveries from the store, hands each to its executor, tries failed ones again
// with growing waits, gives up visibly. Any number of hosts may run one over the same store.

import { HostError, toErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { StoreClock } from '../store/clock.ts';
import type { DeliveryEnd, DeliveryRow, DeliveryStore, NewDelivery } from '../store/deliveries.ts';
import type { RecordingStore } from '../store/recordings.ts';
import { decideNext } from './retry.ts';

/** How an attempt went: over, or to be asked again later without having failed. */
export type Attempt =
  /** `forget`: nothing came of it, and it is not kept */
  | { readonly state: 'done'; readonly forget?: boolean }
  | { readonly state: 'waiting'; readonly dueMs: number; readonly payload: string };

/** What the queue needs. */
export type QueuePowers = {
  readonly store: DeliveryStore & Pick<RecordingStore, 'purgeEffects'>;
  /** Runs one attempt; a thrown `HostError` is a failed one. */
  readonly execute: (row: DeliveryRow) => Promise<Attempt>;
  readonly clock: StoreClock;
  readonly onDead: (row: DeliveryRow, error: HostError) => void;
  /** A failure of the store or of our own: the queue goes on at the next look. */
  readonly onError: (error: unknown) => void;
};

/** The worker of one host. */
export class DeliveryQueue {
  readonly #powers: QueuePowers;
  readonly #running = new Map<number, { readonly target: string; readonly done: Promise<void> }>();
  /** Of those, what this queue claimed itself: strangers' webhooks take no place of other deliveries. */
  #claimed = 0;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #keptMs = Number.NEGATIVE_INFINITY;
  /** What the store's clock said at the last look; before the first one it may have been set back. */
  #lookedMs = Number.POSITIVE_INFINITY;
  #renewUntilMs = 0;
  #purgedMs = 0;
  #looking = false;
  #again = false;
  #stopped = false;

  constructor(powers: QueuePowers) {
    this.#powers = powers;
  }

  start(): void {
    this.#timer = setInterval(() => this.wake(), LIMITS.deliveryPollMs).unref();
    this.wake();
  }

  /** Stops claiming and waits for the attempts under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done));
  }

  /** Adds deliveries and looks at once. @returns those that were not there yet */
  async add(rows: readonly NewDelivery[]): Promise<readonly DeliveryRow[]> {
    const added = await this.#powers.store.addDeliveries(rows);
    if (added.length > 0) this.wake();
    return added;
  }

  /** Another host added something: looks in a moment, once for all that comes until then. */
  wakeSoon(): void {
    if (this.#stopped) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.wake();
    }, LIMITS.deliveryNoticeMs).unref();
  }

  /** Claims are this host's now; somebody added something. */
  wake(): void {
    if (this.#stopped) return;
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    void this.#look()
      .catch(this.#powers.onError)
      .finally(() => {
        this.#looking = false;
      });
  }

  /**
   * Adds one delivery and runs its first attempt now; a failed one is tried again as any other.
   *
   * @param run Instead of the executor: the caller wants more of the attempt than how it went
   */
  async runNow<T extends { readonly attempt: Attempt }>(
    row: NewDelivery,
    run: (claimed: DeliveryRow) => Promise<T>,
  ): Promise<T> {
    const claims = this.#powers.store.addDeliveries([row], 'running');
    const [claimed] = await claims.catch((error: unknown) => this.#giveUp(row, error));
    if (claimed === undefined) {
      throw new HostError('CALLER_CONFLICT', `Delivery "${row.dedupe}" is there already`);
    }
    const running = run(claimed);
    await this.#track(
      claimed,
      running.then(({ attempt }) => attempt),
    );
    return running;
  }

  /** It may be there all the same, and claimed: then it is anybody's, at once. */
  async #giveUp({ id }: NewDelivery, error: unknown): Promise<never> {
    const { store, clock, onError } = this.#powers;
    const now = clock.nowMs();
    await store
      .delivery(id)
      .then((stray) => {
        if (stray === undefined) return false;
        const { seq, attempt } = stray;
        const end = {
          seq,
          attempt,
          nowMs: now,
          state: 'waiting',
          dueMs: now,
          error: null,
        } as const;
        return store.endDelivery(end);
      })
      .catch(onError);
    throw error;
  }

  /** Attempts for one target that are under way in this host. */
  runningOf(target: string): number {
    let count = 0;
    for (const each of this.#running.values()) if (each.target === target) count += 1;
    return count;
  }

  async #look(): Promise<void> {
    const { store, clock } = this.#powers;
    await this.#keepUp();
    await this.#purge();
    while (this.#again && !this.#stopped) {
      this.#again = false;
      const limit = LIMITS.deliveriesRunning - this.#claimed;
      if (limit <= 0) return;
      const rows = await store.claimDeliveries({
        nowMs: clock.nowMs(),
        limit,
        perTarget: LIMITS.deliveriesPerTarget,
        except: this.#busyTargets(),
      });
      for (const row of rows) {
        this.#claimed += 1;
        void this.#track(row, this.#powers.execute(row))
          .catch(this.#powers.onError)
          .then(() => {
            this.#claimed -= 1;
            this.wake();
          });
      }
    }
  }

  #busyTargets(): string[] {
    const targets = new Set([...this.#running.values()].map(({ target }) => target));
    return [...targets].filter((target) => this.runningOf(target) >= LIMITS.deliveriesPerTarget);
  }

  /** Waits for an attempt and writes down how it ended. */
  #track(row: DeliveryRow, attempt: Promise<Attempt>): Promise<void> {
    const done = this.#settle(row, attempt).finally(() => this.#running.delete(row.seq));
    this.#running.set(row.seq, { target: row.target, done });
    return done;
  }

  async #settle(row: DeliveryRow, attempt: Promise<Attempt>): Promise<void> {
    const { store, clock, onDead } = this.#powers;
    const { nowMs } = clock;
    const { seq, attempt: number } = row;
    const end = async (how: DeliveryEnd): Promise<void> => void (await store.endDelivery(how));
    try {
      const outcome = await attempt;
      const ended = { seq, attempt: number, nowMs: nowMs(), error: null };
      if (outcome.state === 'done') {
        if (outcome.forget === true) return void (await store.removeDelivery(row));
        return await end({ ...ended, state: 'done' });
      }
      const { dueMs, payload } = outcome;
      const renewed = { id: row.id, target: row.target, payload };
      await end({ ...ended, state: 'waiting', dueMs, renewed, uncounted: true });
    } catch (thrown) {
      const error = thrown instanceof HostError ? thrown : internal(thrown);
      if (!(thrown instanceof HostError)) this.#powers.onError(thrown);
      const next = decideNext(error, row, nowMs());
      if (next.act === 'forget') return void (await store.removeDelivery(row));
      const failed = { seq, attempt: number, nowMs: nowMs() };
      const text = JSON.stringify(toErrorData(error));
      if (next.act === 'retry') {
        return end({ ...failed, state: 'waiting', dueMs: next.dueMs, error: text });
      }
      await end({ ...failed, state: 'dead', error: text });
      onDead(row, error);
      const { target, kind } = row;
      // Strangers send them: they must not fill the store with what nobody could use.
      if (kind === 'webhook') {
        await store.trimDeadDeliveries({ target, kind, keep: LIMITS.deadHooks });
      }
    }
  }

  /** As often as the queue polls, however often it is woken: looks at the clock and at others' claims. */
  async #keepUp(): Promise<void> {
    const { store, clock } = this.#powers;
    const now = performance.now();
    if (now - this.#keptMs < LIMITS.deliveryPollMs - LIMITS.deliveryNoticeMs) return;
    this.#keptMs = now;
    await clock.sync();
    const nowMs = clock.nowMs();
    if (nowMs < this.#lookedMs) this.#renewUntilMs = now + LIMITS.renewForMs;
    this.#lookedMs = nowMs;
    // For a while: what is under way has read the clock before it was set, and is written after that.
    if (now < this.#renewUntilMs) await store.renewWaits(nowMs);
    await store.freeLostClaims(now);
  }

  async #purge(): Promise<void> {
    const { store, clock } = this.#powers;
    const now = clock.nowMs();
    if (now - this.#purgedMs < LIMITS.purgeEveryMs) return;
    this.#purgedMs = now;
    await store.purgeDeliveries({
      doneBeforeMs: now - LIMITS.deliveryKeptMs,
      deadBeforeMs: now - LIMITS.deadLetterKeptMs,
      limit: LIMITS.deliveriesPurged,
    });
    await store.purgeEffects(LIMITS.deliveriesPurged);
  }
}

function internal(cause: unknown): HostError {
  return new HostError('HOST_INTERNAL', 'The host failed while delivering this', { cause });
}
