// One instance: starts its isolate when it is needed, swaps generations, rests after too many failures.
// Calls go in, a runner carries them; what it may do and what it is configured with is handed in.

import { Runner } from '../broker/runner.ts';
import type { RunnerEvents } from '../broker/runner.ts';
import type { RunOutcome, RunRequest } from '../broker/running.ts';
import type { CapabilityTable } from '../capabilities/capability.ts';
import type { Cell } from '../cells/cell.ts';
import { TRUSTED_CELL, UNTRUSTED_CELL } from '../cells/supervisor.ts';
import type { Supervisor } from '../cells/supervisor.ts';
import { HostError } from '../errors.ts';
import type { ErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { createStackMapper, decideLimits, loadScripts, withOwnCaches } from './compiled.ts';
import type { Compiled } from './compiled.ts';
import type { InstanceState } from './host.ts';
import { scrubbedLine } from './log-fields.ts';
import { configureRunner, handOver } from './own-calls.ts';
import { onceMore } from './once-more.ts';
import { Strikes } from './strikes.ts';

/** What an isolate starts with: the powers of this instance and its config, secrets sealed. */
export type Endowment = {
  readonly table: CapabilityTable;
  /** Config values by field, secrets as `sealed:…`. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Blanks secrets in a text that leaves for a log. */
  readonly scrub: (text: string) => string;
  /** Closes connections; called when the isolate is gone. */
  readonly close: () => void;
};

/** What an instance needs from outside. */
export type InstancePowers = {
  readonly supervisor: Supervisor;
  /** Makes the powers for a new isolate from the stored config and grants. */
  readonly endow: (compiled: Compiled) => Promise<Endowment>;
  /** Names the V8 that cells run: a code cache is good for no other. */
  readonly engine: string;
  /** The same generation with code caches made after some calls. */
  readonly onWarmed: (compiled: Compiled) => void;
  /** Gives another isolate up when there are as many as may be. @throws {HostError} `HOST_OVERLOADED` */
  readonly makeRoom: () => void;
  readonly nowMs: () => number;
  readonly onLog: RunnerEvents['log'];
  readonly onChange: (change: { type: InstanceChange; data: Record<string, unknown> }) => void;
};

/** What an instance reports. */
export type InstanceChange =
  | 'instance.state'
  | 'instance.reloaded'
  | 'instance.rolled-back'
  | 'instance.recycled'
  | 'instance.struck'
  | 'instance.quarantined'
  | 'instance.released';

type Hot = { readonly runner: Runner; readonly compiled: Compiled; readonly endowment: Endowment };
type Probation = { left: number; failed: number; readonly previous: Compiled };

/** Codes that say the code itself is broken, not the world around it. */
const BROKEN: ReadonlySet<string> = new Set([
  'EXTENSION_THREW',
  'EXTENSION_CPU_EXCEEDED',
  'EXTENSION_MEMORY_EXCEEDED',
  'EXTENSION_QUOTA_EXCEEDED',
  'EXTENSION_OUTPUT_INVALID',
  'EXTENSION_CRASHED',
]);

/** An enabled instance, hot or idle. */
export class Instance {
  /** `category/name/instance` */
  readonly id: string;
  /** Epoch milliseconds; where `performance.now()` of its isolates starts */
  readonly originMs: number;
  readonly #extension: string;
  readonly #powers: InstancePowers;
  readonly #trusted: boolean;
  readonly #strikes = new Strikes();
  #compiled: Compiled;
  #hot: Hot | undefined;
  #starting: Promise<Hot> | undefined;
  #probation: Probation | undefined;
  #state: InstanceState = 'idle';
  #lastError: ErrorData | null = null;
  #restUntilMs = 0;
  #restTimer: NodeJS.Timeout | undefined;
  #stopped = false;
  #struck = false;

  constructor(
    subject: Pick<Instance, 'id' | 'originMs'> & { extension: string; trusted: boolean },
    compiled: Compiled,
    powers: InstancePowers,
  ) {
    this.id = subject.id;
    this.originMs = subject.originMs;
    this.#extension = subject.extension;
    this.#trusted = subject.trusted;
    this.#compiled = compiled;
    this.#powers = powers;
  }

  get state(): InstanceState {
    return this.#state;
  }

  get lastError(): ErrorData | null {
    return this.#lastError;
  }

  get compiled(): Compiled {
    return this.#compiled;
  }

  get callsRunning(): number {
    return this.#hot?.runner.callsRunning ?? 0;
  }

  /** Whether it has an isolate or is being given one. */
  get isHot(): boolean {
    return this.#hot !== undefined || this.#starting !== undefined;
  }

  /** When the last call ended, by `performance.now()`; undefined while cold or busy. */
  get idleSinceMs(): number | undefined {
    const runner = this.#hot?.runner;
    return runner === undefined || runner.callsRunning > 0 ? undefined : runner.lastUsedMs;
  }

  /** Runs one handler, starting the isolate first when it is cold. */
  async call(request: RunRequest): Promise<RunOutcome> {
    const hot = this.#hot ?? (await this.start());
    return hot.runner.run(request);
  }

  /**
   * Makes sure an isolate is hot.
   *
   * @throws {HostError} `EXTENSION_QUARANTINED` while it rests, `EXTENSION_LOAD_FAILED`,
   *   `CALLER_CONFIG_INVALID`, `CALLER_NOT_RUNNING` after `stop`, `HOST_OVERLOADED` when no other is idle
   */
  async start(): Promise<{ readonly runner: Runner }> {
    if (this.#hot !== undefined) return this.#hot;
    this.#assertMayStart();
    if (this.#starting === undefined) {
      this.#powers.makeRoom();
      this.#starting = this.#open(this.#compiled).finally(() => {
        this.#starting = undefined;
      });
    }
    const hot = await this.#starting;
    if (this.#hot === undefined && !this.#stopped) {
      this.#hot = hot;
      this.#setState('running', null);
    }
    return hot;
  }

  /** Replaces the running code; a failure leaves the old generation serving and is thrown. */
  reload(compiled: Compiled): Promise<void> {
    return onceMore(() => this.#reload(compiled));
  }

  async #reload(compiled: Compiled): Promise<void> {
    const previous = this.#compiled;
    const old = this.#hot;
    if (old === undefined) {
      this.#compiled = compiled;
      this.#probation = undefined;
      return;
    }
    const fresh = await this.#open(compiled);
    await this.#handOver(old, fresh);
    this.#swap(fresh, old);
    this.#probation = { left: LIMITS.probationCalls, failed: 0, previous };
    const data = { generation: compiled.bundle.hash, version: compiled.manifest.version };
    this.#powers.onChange({ type: 'instance.reloaded', data });
  }

  /** Moves a quiet isolate out of a worn process. A start that fails leaves it where it is. */
  async recycle(): Promise<void> {
    const old = this.#hot;
    const cause = old?.runner.cell.worn;
    if (old === undefined || cause === undefined || old.runner.callsRunning > 0) return;
    const fresh = await this.#open(this.#compiled);
    await this.#handOver(old, fresh);
    if (this.#hot !== old) {
      return this.#close(fresh, new HostError('CALLER_NOT_RUNNING', 'It was replaced meanwhile'));
    }
    this.#swap(fresh, old);
    this.#powers.onChange({ type: 'instance.recycled', data: { cause } });
  }

  /** Gives the isolate up until the next call. */
  async evict(): Promise<void> {
    const hot = this.#hot;
    if (hot === undefined || hot.runner.callsRunning > 0) return;
    this.#hot = undefined;
    this.#close(hot, new HostError('CALLER_NOT_RUNNING', 'The isolate was given up while idle'));
    this.#setState('idle', this.#lastError);
  }

  /** Drains and frees the isolate; the instance cannot start again. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#release('stopped or restarted');
    const hot = this.#hot ?? (await this.#starting?.catch(() => undefined));
    this.#hot = undefined;
    if (hot === undefined) return;
    await hot.runner.drain();
    this.#close(hot, new HostError('CALLER_NOT_RUNNING', `"${this.id}" was stopped`));
  }

  /** Forgives past failures: an admin asked for a restart. */
  forgive(): void {
    this.#strikes.reset();
    this.#release('forgiven');
  }

  #assertMayStart(): void {
    if (this.#stopped) throw new HostError('CALLER_NOT_RUNNING', `"${this.id}" is stopped`);
    const restMs = this.#restUntilMs - this.#powers.nowMs();
    if (restMs <= 0) return;
    throw new HostError(
      'EXTENSION_QUARANTINED',
      `Cannot run "${this.id}": it failed too often and rests for ${Math.ceil(restMs / 1_000)} s`,
      {
        remedy: 'Look at its last error, then restart it to try at once',
        details: { retryAfterMs: restMs, lastError: this.#lastError },
      },
    );
  }

  /** A cell for this instance: trusted ones share one until they misbehave. */
  #cellKey(): string {
    if (this.#trusted) return this.#struck ? `aside:${this.#extension}` : TRUSTED_CELL;
    return UNTRUSTED_CELL + this.#extension;
  }

  async #open(compiled: Compiled): Promise<Hot> {
    const { supervisor, endow, nowMs, onLog } = this.#powers;
    const key = this.#cellKey();
    try {
      const [cell, endowment] = await Promise.all([supervisor.acquire(key), endow(compiled)]);
      const { cpuMs, memoryMiB } = decideLimits(compiled.manifest);
      const runner = new Runner({
        instance: this.id,
        generation: compiled.bundle.hash,
        cell,
        spec: { cpuMs, memoryMiB, originMs: this.originMs, scripts: loadScripts(compiled.bundle) },
        table: endowment.table,
        mapStack: createStackMapper(compiled.bundle),
        events: {
          log: (callId, line) => onLog(callId, scrubbedLine(line, endowment.scrub)),
          ended: (ended, error) => this.#onEnded(ended, error, cell),
          ...this.#warming(compiled),
          finished: (ran, request, error) => this.#onFinished(ran, request, error),
        },
      });
      const hot = { runner, compiled, endowment };
      try {
        await configureRunner(runner, endowment.values, nowMs());
      } catch (error) {
        this.#close(hot, new HostError('CALLER_NOT_RUNNING', 'The start failed'));
        throw error;
      }
      return hot;
    } catch (error) {
      if (error instanceof HostError && this.#hot === undefined)
        this.#setState('failed', error.toData());
      throw error;
    }
  }

  /** Code caches are asked for where the generation came without those of this engine. */
  #warming(compiled: Compiled): Pick<RunnerEvents, 'warmed'> {
    const { engine, onWarmed } = this.#powers;
    const { bundle } = compiled;
    if (bundle.parts.every(({ ranOn }) => ranOn === engine)) return {};
    return {
      warmed: (caches) => {
        const warm = { ...compiled, bundle: withOwnCaches(bundle, engine, caches) };
        if (this.#compiled === compiled) this.#compiled = warm;
        onWarmed(warm);
      },
    };
  }

  /** State goes from the old generation to the new one. */
  async #handOver(old: Hot, fresh: Hot): Promise<void> {
    try {
      await handOver(old, fresh, this.#powers.nowMs());
    } catch (error) {
      this.#close(fresh, new HostError('CALLER_NOT_RUNNING', 'The hand-over failed'));
      throw error;
    }
  }

  #swap(fresh: Hot, old: Hot): void {
    this.#hot = fresh;
    this.#compiled = fresh.compiled;
    this.#setState('running', null);
    void old.runner
      .drain()
      .then(() => this.#close(old, new HostError('CALLER_NOT_RUNNING', 'A newer generation runs')));
  }

  #close({ runner, endowment }: Hot, reason: HostError): void {
    runner.dispose(reason);
    endowment.close();
    this.#powers.supervisor.release(this.#cellKey(), runner.cell);
  }

  #onFinished(runner: Runner, request: RunRequest, error: HostError | undefined): void {
    const probation = this.#probation;
    if (probation === undefined || request.handler.startsWith(':')) return;
    if (this.#hot?.runner !== runner) return;
    probation.left -= 1;
    if (error !== undefined && BROKEN.has(error.code)) probation.failed += 1;
    if (probation.left > 0) return;
    this.#probation = undefined;
    if (probation.failed < LIMITS.probationCalls) return;
    void this.#rollBack(probation.previous, error);
  }

  /** The first calls of a new generation all failed: the previous one serves again. */
  async #rollBack(previous: Compiled, error: HostError | undefined): Promise<void> {
    const failed = this.#compiled;
    const old = this.#hot;
    this.#compiled = previous;
    try {
      const fresh = await this.#open(previous);
      if (old === undefined) this.#hot = fresh;
      else this.#swap(fresh, old);
    } catch (reason) {
      // The next call starts the previous generation again and reports what is wrong with it.
      this.#hot = undefined;
      this.#setState('failed', reason instanceof HostError ? reason.toData() : null);
    }
    const cause = error?.toData() ?? null;
    const data = { from: failed.bundle.hash, to: previous.bundle.hash, cause };
    this.#powers.onChange({ type: 'instance.rolled-back', data });
  }

  #onEnded(runner: Runner, error: HostError, cell: Cell): void {
    const hot = this.#hot;
    if (hot?.runner !== runner) return;
    this.#hot = undefined;
    hot.endowment.close();
    // In a shared process only those that had work in it can be to blame.
    const blamed =
      error.details?.['cause'] === undefined ||
      this.#cellKey() !== TRUSTED_CELL ||
      cell.running > 0;
    if (!blamed) return this.#setState('idle', this.#lastError);
    const ownCell = this.#cellKey() !== TRUSTED_CELL;
    this.#struck = true;
    // What broke a limit may still burn CPU in natives: a process of one's own goes with it. What only sent
    // too much has ended with its turn, and a new process would cost more than the flood.
    if (ownCell && !cell.ended && error.code !== 'EXTENSION_QUOTA_EXCEEDED')
      cell.kill({ cause: 'stopped', detail: 'its isolate broke a limit' });
    this.#strike(error);
  }

  #strike(error: HostError): void {
    const { nowMs, onChange } = this.#powers;
    const cause = error.toData();
    const verdict = this.#strikes.add(nowMs());
    onChange({ type: 'instance.struck', data: { cause } });
    if (verdict.act === 'restart') return this.#setState('idle', cause);
    const { untilMs, rest } = verdict;
    this.#restUntilMs = untilMs;
    this.#restTimer = setTimeout(() => this.#release('rested'), untilMs - nowMs()).unref();
    this.#setState('quarantined', cause);
    onChange({ type: 'instance.quarantined', data: { cause, untilMs, rest } });
  }

  /** Ends a rest, if there is one: the next call may start it again. */
  #release(cause: string): void {
    clearTimeout(this.#restTimer);
    this.#restUntilMs = 0;
    if (this.#state !== 'quarantined') return;
    this.#setState('idle', this.#lastError);
    this.#powers.onChange({ type: 'instance.released', data: { cause } });
  }

  #setState(state: InstanceState, error: ErrorData | null): void {
    const changed = state !== this.#state;
    this.#state = state;
    this.#lastError = error;
    if (changed || error !== null) {
      this.#powers.onChange({ type: 'instance.state', data: { state, error } });
    }
  }
}
