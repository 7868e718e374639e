// One loaded isolate and the calls that run in it: queue, deadline, cancellation, cost, outcome.
// A runner is one generation; a reload makes another and drains this one. Knows no HTTP, no store.

import type { CapabilityTable } from '../capabilities/capability.ts';
import type { Cell, LoadSpec } from '../cells/cell.ts';
import { HostError } from '../errors.ts';
import { FRAME } from '../frames.ts';
import { LIMITS } from '../limits.ts';
import type { TurnCost } from '../protocol.ts';
import { hasMoreValues } from './json-values.ts';
import {
  cancelled,
  clip,
  faultError,
  goneError,
  guestError,
  isJson,
  loadError,
  outputError,
  parseLine,
  timedOut,
} from './outcomes.ts';
import type { LogLine, Receipt } from './receipt.ts';
import { Requests } from './requests.ts';
import type { RequestingCall } from './requests.ts';
import { Running } from './running.ts';
import type { RunOutcome, RunRequest } from './running.ts';
import { stampOfStart } from './trace.ts';
import { Warming } from './warming.ts';

/** One log line of a guest, checked. */
export type GuestLine = {
  readonly level: LogLine['level'];
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
};

/** A log line that nobody has looked at: of a flood most are counted and dropped as they are. */
export type RawLine = {
  readonly bytes: number;
  /** Now or never: it stands in the pipe's buffer. */
  read(): GuestLine;
};

/** What a runner tells its owner. */
export type RunnerEvents = {
  log(callId: string | undefined, line: RawLine): void;
  /** The isolate ended by itself; every call in it has failed already. */
  ended(runner: Runner, error: HostError): void;
  /** Code caches made after some calls, for all scripts but the schema's; absent: none are asked for. */
  warmed?(caches: readonly Uint8Array[]): void;
  /** A call finished; `error` when it failed. */
  finished(runner: Runner, request: RunRequest, error: HostError | undefined): void;
};

/** Everything a runner is made of. */
export type RunnerOptions = {
  /** `category/name/instance` */
  readonly instance: string;
  readonly generation: string;
  readonly cell: Cell;
  readonly spec: LoadSpec;
  readonly table: CapabilityTable;
  readonly events: RunnerEvents;
  /** Rewrites positions in a guest stack to the author's own files. */
  readonly mapStack: (stack: string) => string;
};

/** A generation of one instance, running. */
export class Runner {
  readonly instance: string;
  readonly generation: string;
  readonly #options: RunnerOptions;
  readonly #requests: Requests;
  readonly #running = new Map<number, Running>();
  readonly #waiting: (() => void)[] = [];
  readonly #slot: number;
  readonly #warming: Warming | undefined;
  readonly #loaded = Promise.withResolvers<void>();
  #nextCall = 1;
  #ended: HostError | undefined;
  #idle: (() => void) | undefined;
  #deadlines: NodeJS.Timeout | undefined;
  /** When the last call ended, by `performance.now()`; for eviction. */
  lastUsedMs = performance.now();

  constructor(options: RunnerOptions) {
    this.instance = options.instance;
    this.generation = options.generation;
    this.#options = options;
    const { cell } = options;
    this.#requests = new Requests({
      table: options.table,
      send: (kind, id, payload) => {
        if (this.#ended === undefined) cell.send(kind, this.#slot, id, payload);
      },
      room: () => cell.room(),
      findCall: (number) => this.#findCall(number),
      onViolation: () => cell.countStray(),
    });
    const { warmed } = options.events;
    if (warmed !== undefined) {
      const ask = (payload: Buffer): void => cell.send(FRAME.warm, this.#slot, 0, payload);
      this.#warming = new Warming(options.spec, { ask, warmed });
    }
    this.#slot = cell.open(options.spec, this.#slotEvents());
    // The owner awaits `loaded`; when it has given up before, the failure is already reported by `ended`.
    this.#loaded.promise.catch(() => undefined);
  }

  /** Resolves when the extension's top-level code has run. @throws {HostError} `EXTENSION_LOAD_FAILED` */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  get cell(): Cell {
    return this.#options.cell;
  }

  get callsRunning(): number {
    return this.#running.size + this.#waiting.length;
  }

  /**
   * Runs one handler.
   *
   * @throws {HostError} `HOST_OVERLOADED` when too many wait, `EXTENSION_TIMED_OUT` at the deadline,
   *   `CALLER_CANCELLED` when `signal` aborts, and whatever the handler's failure maps to
   */
  async run(request: RunRequest): Promise<RunOutcome> {
    const queuedMs = performance.now();
    if (this.#running.size >= LIMITS.callsPerInstance) await this.#queue(request);
    if (this.#ended !== undefined) throw this.#ended;
    if (request.cancellation.cancelled) throw cancelled();
    return this.#start(request, queuedMs);
  }

  /** Resolves when no call runs any more, at most after `LIMITS.drainMs`. */
  async drain(): Promise<void> {
    if (this.callsRunning === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle = resolve;
    const timer = setTimeout(resolve, LIMITS.drainMs);
    await promise;
    clearTimeout(timer);
  }

  /** Frees the isolate; calls still running fail with `reason`. */
  dispose(reason: HostError): void {
    this.#fail(reason);
    this.#options.cell.close(this.#slot);
  }

  #start(request: RunRequest, queuedMs: number): Promise<RunOutcome> {
    const { cell } = this.#options;
    const number = this.#nextCall++;
    return new Promise((resolve, reject) => {
      const times = { startedMs: performance.now(), queuedMs };
      const onCancel = (): void => this.#cancel(number, cancelled());
      const running = new Running(this.instance, request, times, { resolve, reject, onCancel });
      this.#running.set(number, running);
      cell.running += 1;
      cell.served += 1;
      request.cancellation.listen(running);
      this.#watch();
      try {
        cell.send(FRAME.invoke, this.#slot, number, invocation(request));
      } catch (error) {
        const internal = new HostError('HOST_INTERNAL', 'Cannot send the call', { cause: error });
        this.#settle(number, error instanceof HostError ? error : internal);
      }
    });
  }

  /** Ends a call: `error`, or the result's text with what it cost. */
  #settle(number: number, error: HostError | undefined, text = 'null', cost?: TurnCost): void {
    const running = this.#running.get(number);
    if (running === undefined) return;
    const { cell, events } = this.#options;
    this.#running.delete(number);
    cell.running -= 1;
    running.request.cancellation.forget(running);
    const isLast = this.#running.size === 0;
    if (isLast || running.requests > 0) this.#requests.endCall(running, { isLast });
    this.lastUsedMs = performance.now();
    events.finished(this, running.request, error);
    if (error === undefined) {
      running.resolve({ text, receipt: this.#receipt(running, cost) });
      this.#warming?.called();
    } else running.reject(error);
    this.#next();
  }

  /** One timer looks at all deadlines: a timer for each call would cost more than the call. */
  #watch(): void {
    if (this.#deadlines !== undefined) return;
    this.#deadlines = setInterval(() => this.#expire(), LIMITS.watchMs);
    this.#deadlines.unref();
  }

  #expire(): void {
    for (const [number, { request }] of this.#running) {
      if (request.deadline.leftMs <= 0) {
        this.#cancel(number, timedOut(request.handler, 'before it answered'));
      }
    }
    if (this.#running.size > 0) return;
    clearInterval(this.#deadlines);
    this.#deadlines = undefined;
  }

  #queue(request: RunRequest): Promise<void> {
    if (this.#waiting.length >= LIMITS.queuedCallsPerInstance) {
      throw new HostError(
        'HOST_OVERLOADED',
        `Cannot call "${this.instance}": ${LIMITS.queuedCallsPerInstance} calls wait already`,
        { remedy: 'Send fewer calls at a time and try again' },
      );
    }
    return new Promise((resolve, reject) => {
      const leave = (error?: HostError): void => {
        clearTimeout(timer);
        request.cancellation.forget(listener);
        const at = this.#waiting.indexOf(enter);
        if (at >= 0) this.#waiting.splice(at, 1);
        if (error === undefined) resolve();
        else reject(error);
      };
      const enter = (): void => leave();
      const timer = setTimeout(
        () => leave(timedOut(request.handler, 'while it waited for its turn')),
        Math.max(1, request.deadline.leftMs),
      );
      const listener = { onCancel: (): void => leave(cancelled()) };
      request.cancellation.listen(listener);
      this.#waiting.push(enter);
    });
  }

  #next(): void {
    if (this.#running.size < LIMITS.callsPerInstance) this.#waiting[0]?.();
    if (this.callsRunning === 0) this.#idle?.();
  }

  #cancel(number: number, error: HostError): void {
    const running = this.#running.get(number);
    if (running === undefined) return;
    if (this.#ended === undefined) this.#options.cell.send(FRAME.cancel, this.#slot, number, '');
    this.#settle(number, error);
  }

  #findCall(number: number): RequestingCall | undefined {
    if (number > 0) return this.#running.get(number);
    // The guest did not say whose it is; in most cases the cell has seen.
    const seen = this.#running.get(-number);
    if (seen !== undefined) return seen;
    const running = [...this.#running.values()];
    // The call that has run longest; of what a traced one sends, its cell has seen nearly all.
    return running.find(({ trace }) => trace === undefined) ?? running[0];
  }

  #receipt(running: Running, cost: TurnCost | undefined): Receipt {
    return {
      wallMs: round(performance.now() - running.startedMs),
      queueMs: round(running.startedMs - running.queuedMs),
      cpuMs: round((cost?.cpuUs ?? 0) / 1_000),
      heapPeakBytes: cost?.heapBytes ?? 0,
      generation: this.generation,
      capabilities: running.usageByName,
    };
  }

  #slotEvents(): Parameters<Cell['open']>[1] {
    const requests = this.#requests;
    return {
      loaded: () => this.#loaded.resolve(),
      loadFailed: (text) => this.#end(loadError(this.instance, text, this.#options.mapStack)),
      result: (number, cost, text) => this.#finish(number, cost, text),
      failure: (number, cost, text) => this.#finishFailed(number, cost, text),
      request: (id, number, capability, payload) => requests.take(id, number, capability, payload),
      abandon: (id) => requests.abandon(id),
      chunk: (id, bytes) => requests.chunk(id, bytes),
      end: (id) => requests.end(id),
      broken: (id, message) => requests.end(id, new HostError('EXTENSION_THREW', message)),
      credit: (id, chunks) => requests.credit(id, chunks),
      log: (number, bytes) => this.#log(number, bytes),
      caches: (blocks) => this.#warming?.take(blocks) ?? false,
      fault: (code, limit) => this.#end(faultError(this.instance, code, limit)),
      gone: (end) => this.#end(goneError(this.instance, end)),
    };
  }

  #finish(number: number, cost: TurnCost, bytes: Buffer): void {
    if (!this.#running.has(number)) return;
    if (bytes.length > LIMITS.outputBytes) {
      return this.#settle(number, outputError(`is over ${LIMITS.outputBytes} bytes`));
    }
    const text = bytes.toString('utf8');
    this.#settle(number, problemOf(text), text, cost);
  }

  #finishFailed(number: number, cost: TurnCost, bytes: Buffer): void {
    const text = bytes.toString('utf8', 0, LIMITS.errorStackChars * 8);
    this.#settle(number, guestError(text, this.#options.mapStack), undefined, cost);
  }

  #log(number: number, bytes: Buffer): void {
    const { events, mapStack } = this.#options;
    events.log(this.#running.get(number)?.request.callId, {
      bytes: bytes.length,
      read() {
        const { level, message, fields } = parseLine(bytes);
        return {
          level: LEVELS.find((each) => each === level) ?? 'info',
          message: mapStack(clip(message, LIMITS.logLineChars)),
          ...(typeof fields === 'object' && fields !== null ? { fields: { ...fields } } : {}),
        };
      },
    });
  }

  #end(error: HostError): void {
    if (this.#ended !== undefined) return;
    this.#fail(error);
    this.#options.cell.close(this.#slot);
    this.#options.events.ended(this, error);
  }

  #fail(error: HostError): void {
    this.#ended ??= error;
    this.#loaded.reject(error);
    this.#requests.dispose();
    clearInterval(this.#deadlines);
    for (const number of [...this.#running.keys()]) this.#settle(number, error);
    for (const enter of [...this.#waiting]) enter();
  }
}

/** `{"call":{…},"input":…}`; a call's id is made by the host and needs no escaping. */
function invocation(request: RunRequest): string {
  const { callId, operationId, attempt, handler, inputText, deadline, dryRun } = request;
  const url = request.webhookUrl;
  const more = url === undefined ? '' : `,"webhookUrl":${JSON.stringify(url)}`;
  const ids = `"id":"${callId}","operationId":${JSON.stringify(operationId)}`;
  return `${stampOfStart(request.trace)}{"call":{${ids},"attempt":${attempt},"handler":${JSON.stringify(handler)},"deadlineMs":${deadline.epochMs},"dryRun":${dryRun}${more}},"input":${inputText}}`;
}

function problemOf(text: string): HostError | undefined {
  const { resultValues } = LIMITS;
  if (hasMoreValues(text, resultValues)) return outputError(`holds over ${resultValues} values`);
  return isJson(text) ? undefined : outputError('is not JSON');
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
