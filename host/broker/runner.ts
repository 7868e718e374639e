// One loaded isolate and the calls that run in it: queue, deadline, cancellation, cost, outcome.
// A runner is one generation; a reload makes another and drains this one. Knows no HTTP, no store.

import type { CapabilityTable, Usage } from '../capabilities/capability.ts';
import type { Cell, LoadSpec } from '../cells/cell.ts';
import { HostError } from '../errors.ts';
import { FRAME } from '../frames.ts';
import type { LogLine, Receipt } from '../lifecycle/host.ts';
import { LIMITS } from '../limits.ts';
import type { TurnCost } from '../protocol.ts';
import {
  cancelled,
  clip,
  faultError,
  goneError,
  guestError,
  isJson,
  loadError,
  outputError,
  parseObject,
  timedOut,
} from './outcomes.ts';
import { Requests } from './requests.ts';
import type { RequestingCall } from './requests.ts';

/** What a call needs to run. */
export type RunRequest = {
  readonly callId: string;
  readonly operationId: string;
  readonly attempt: number;
  readonly handler: string;
  /** JSON text, at most `LIMITS.inputBytes`. */
  readonly inputText: string;
  /** Epoch milliseconds */
  readonly deadlineMs: number;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly webhookUrl?: string;
};

/** How a call ended well. `text` is valid JSON. */
export type RunOutcome = { readonly text: string; readonly receipt: Receipt };

/** One log line of a guest, checked. */
export type GuestLine = {
  readonly level: LogLine['level'];
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
};

/** What a runner tells its owner. */
export type RunnerEvents = {
  log(callId: string | undefined, line: GuestLine): void;
  /** The isolate ended by itself; every call in it has failed already. */
  ended(runner: Runner, error: HostError): void;
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
  readonly nowMs: () => number;
};

type Running = RequestingCall & {
  readonly request: RunRequest;
  readonly startedMs: number;
  readonly queuedMs: number;
  readonly abort: AbortController;
  readonly settle: (error: HostError | undefined, text?: string, cost?: TurnCost) => void;
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
  readonly #loaded = Promise.withResolvers<void>();
  #nextCall = 1;
  #ended: HostError | undefined;
  #idle: (() => void) | undefined;
  /** Epoch milliseconds of the last call's end, for eviction. */
  lastUsedMs: number;

  constructor(options: RunnerOptions) {
    this.instance = options.instance;
    this.generation = options.generation;
    this.#options = options;
    this.lastUsedMs = options.nowMs();
    const { cell } = options;
    this.#requests = new Requests({
      table: options.table,
      send: (kind, id, payload) => {
        if (this.#ended === undefined) cell.send(kind, this.#slot, id, payload);
      },
      findCall: (number) => this.#findCall(number),
      onViolation: () => cell.countStray(),
    });
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
    const queuedMs = this.#options.nowMs();
    if (this.#running.size >= LIMITS.callsPerInstance) await this.#queue(request);
    if (this.#ended !== undefined) throw this.#ended;
    request.signal.throwIfAborted();
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
    const { nowMs, cell } = this.#options;
    const number = this.#nextCall++;
    const startedMs = nowMs();
    return new Promise((resolve, reject) => {
      const abort = new AbortController();
      const timer = setTimeout(
        () => this.#expire(number),
        Math.max(1, request.deadlineMs - startedMs),
      );
      const onAbort = (): void => this.#cancel(number, cancelled());
      const settle: Running['settle'] = (error, text = 'null', cost) => {
        clearTimeout(timer);
        request.signal.removeEventListener('abort', onAbort);
        this.#running.delete(number);
        cell.running -= 1;
        abort.abort();
        this.lastUsedMs = nowMs();
        this.#options.events.finished(this, request, error);
        if (error === undefined) resolve({ text, receipt: this.#receipt(running, cost) });
        else reject(error);
        this.#next();
      };
      const running: Running = {
        request,
        startedMs,
        queuedMs,
        abort,
        settle,
        usage: new Map<string, Usage>(),
        requests: 0,
        scope: {
          instance: this.instance,
          callId: request.callId,
          handler: request.handler,
          operationId: request.operationId,
          deadlineMs: request.deadlineMs,
          dryRun: request.dryRun,
          signal: abort.signal,
        },
      };
      this.#running.set(number, running);
      cell.running += 1;
      request.signal.addEventListener('abort', onAbort, { once: true });
      try {
        cell.send(FRAME.invoke, this.#slot, number, invocation(request));
      } catch (error) {
        settle(
          error instanceof HostError
            ? error
            : new HostError('HOST_INTERNAL', 'Cannot send the call'),
        );
      }
    });
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
        request.signal.removeEventListener('abort', onAbort);
        const at = this.#waiting.indexOf(enter);
        if (at >= 0) this.#waiting.splice(at, 1);
        if (error === undefined) resolve();
        else reject(error);
      };
      const enter = (): void => leave();
      const onAbort = (): void => leave(cancelled());
      const timer = setTimeout(
        () => leave(timedOut(request.handler, 'while it waited for its turn')),
        Math.max(1, request.deadlineMs - this.#options.nowMs()),
      );
      request.signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(enter);
    });
  }

  #next(): void {
    if (this.#running.size < LIMITS.callsPerInstance) this.#waiting[0]?.();
    if (this.callsRunning === 0) this.#idle?.();
  }

  #expire(number: number): void {
    const running = this.#running.get(number);
    if (running !== undefined)
      this.#cancel(number, timedOut(running.request.handler, 'before it answered'));
  }

  #cancel(number: number, error: HostError): void {
    const running = this.#running.get(number);
    if (running === undefined) return;
    if (this.#ended === undefined) this.#options.cell.send(FRAME.cancel, this.#slot, number, '');
    running.settle(error);
  }

  #findCall(number: number): RequestingCall | undefined {
    if (number !== 0) return this.#running.get(number);
    // The guest used the global fetch: charged to the call that has run longest.
    return this.#running.values().next().value;
  }

  #receipt(running: Running, cost: TurnCost | undefined): Receipt {
    return {
      wallMs: round(this.#options.nowMs() - running.startedMs),
      queueMs: round(running.startedMs - running.queuedMs),
      cpuMs: round((cost?.cpuUs ?? 0) / 1_000),
      heapPeakBytes: cost?.heapBytes ?? 0,
      generation: this.generation,
      capabilities: Object.fromEntries(running.usage),
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
      log: (number, text) => this.#log(number, text),
      fault: (code, limit) => this.#end(faultError(this.instance, code, limit)),
      gone: (end) => this.#end(goneError(this.instance, end)),
    };
  }

  #finish(number: number, cost: TurnCost, bytes: Buffer): void {
    const running = this.#running.get(number);
    if (running === undefined) return;
    if (bytes.length > LIMITS.outputBytes) {
      return running.settle(outputError(`is over ${LIMITS.outputBytes} bytes`));
    }
    const text = bytes.toString('utf8');
    running.settle(isJson(text) ? undefined : outputError('is not JSON'), text, cost);
  }

  #finishFailed(number: number, cost: TurnCost, bytes: Buffer): void {
    const running = this.#running.get(number);
    if (running === undefined) return;
    const text = bytes.toString('utf8', 0, LIMITS.errorStackChars * 8);
    running.settle(guestError(text, this.#options.mapStack), undefined, cost);
  }

  #log(number: number, text: string): void {
    const { level, message, fields } = parseObject(text);
    const known = LEVELS.find((each) => each === level) ?? 'info';
    this.#options.events.log(this.#running.get(number)?.request.callId, {
      level: known,
      message: this.#options.mapStack(clip(message, LIMITS.logLineChars)),
      ...(typeof fields === 'object' && fields !== null ? { fields: { ...fields } } : {}),
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
    for (const running of [...this.#running.values()]) running.settle(error);
    for (const enter of [...this.#waiting]) enter();
  }
}

function invocation({ callId, operationId, attempt, handler, ...rest }: RunRequest): string {
  const { inputText, deadlineMs, dryRun, webhookUrl } = rest;
  const call = { id: callId, operationId, attempt, handler, deadlineMs, dryRun, webhookUrl };
  return `{"call":${JSON.stringify(call)},"input":${inputText}}`;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
