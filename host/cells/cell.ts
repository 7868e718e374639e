// One cell process seen from the host: start, frames to and from its slots, kill.
// What comes out of a cell is hostile: every frame is checked, an impossible one ends the cell.

import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { HostError } from '../errors.ts';
import { FRAME } from '../frames.ts';
import type { FrameKind } from '../frames.ts';
import type { ChildGroup } from '../jail/cgroup.ts';
import { LIMITS } from '../limits.ts';
import { FrameReader, FrameWriter, packBlocks, unpackBlocks } from '../protocol.ts';
import type { Frame, TurnCost } from '../protocol.ts';

/** The entry file of a cell process. */
export const CELL_MAIN = join(import.meta.dirname, '..', 'sandbox', 'main.ts');

/** Why a cell ended; the first four are strikes against whoever ran in it. */
export type CellEnd = {
  readonly cause: 'silent' | 'memory' | 'idle-cpu' | 'protocol' | 'exited' | 'stopped';
  readonly detail: string;
};

/** What a slot's owner is told. Payloads are views: parse or copy before returning. */
export type SlotEvents = {
  loaded(): void;
  loadFailed(text: string): void;
  result(call: number, cost: TurnCost, text: Buffer): void;
  failure(call: number, cost: TurnCost, text: Buffer): void;
  request(id: number, call: number, capability: string, payload: string): void;
  abandon(id: number): void;
  chunk(id: number, bytes: Buffer): void;
  end(id: number): void;
  broken(id: number, message: string): void;
  credit(id: number, chunks: number): void;
  log(call: number, text: Buffer): void;
  /** False: nobody asked for them. */
  caches(blocks: readonly Buffer[]): boolean;
  fault(code: string, limit: string): void;
  gone(end: CellEnd): void;
};

/** What one load needs; `scripts` in loading order. */
export type LoadSpec = {
  readonly memoryMiB: number;
  readonly cpuMs: number;
  /** Where `performance.now()` starts, in epoch milliseconds; absent: where the isolate was made */
  readonly originMs?: number;
  readonly scripts: readonly {
    readonly name: string;
    readonly role: 'dependencies' | 'extension';
    readonly code: string;
    readonly cachedData?: Uint8Array;
  }[];
};

type SlotState = {
  readonly events: SlotEvents;
  readonly cpuMs: number;
  readonly memoryMiB: number;
};

/** The largest number of frames out of turn (unknown call, request or kind) before a cell is hostile. */
const STRAY_FRAMES_MAX = 10_000;

/** A running cell process. */
export class Cell {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #group: ChildGroup | undefined;
  readonly #pipe: Socket;
  readonly #writer: FrameWriter;
  readonly #reader = new FrameReader();
  readonly #slots = new Map<number, SlotState>();
  readonly #onEnd: (cell: Cell, end: CellEnd) => void;
  #nextSlot = 1;
  #stray = 0;
  #end: CellEnd | undefined;
  #hello: PromiseWithResolvers<void> | undefined;
  #tail = '';
  #drained: Promise<void> | undefined;
  /** Epoch-free milliseconds when the unanswered ping left; 0 when none is out. */
  pingedAtMs = 0;
  /** Whether it has started: from now on the process that does the work is there to be watched. */
  greeted = false;
  /** Calls running in this cell, over all slots, and calls that it was ever given. */
  running = 0;
  served = 0;
  /** Resident memory when the watchdog last looked; 0 where it cannot. */
  residentMiB = 0;

  constructor(child: ChildProcess, onEnd: (cell: Cell, end: CellEnd) => void, group?: ChildGroup) {
    this.#child = child;
    this.#group = group;
    this.pid = child.pid ?? 0;
    this.#onEnd = onEnd;
    this.#pipe = child.stdio[3] as Socket;
    this.#writer = new FrameWriter(this.#pipe, setImmediate);
    this.#pipe.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#pipe.on('error', (error) => this.#tell(`pipe: ${error.message}`));
    // Whoever has closed it answers nothing any more: its calls end with the process, not with the watchdog.
    this.#pipe.on('close', () => void child.kill('SIGKILL'));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#tell(text));
    }
    child.once('error', (error) => this.#finish({ cause: 'exited', detail: error.message }));
    child.once('exit', (code, signal) => {
      const exited: CellEnd = {
        cause: 'exited',
        detail: `${signal ?? `code ${code}`} ${this.#tail}`.trim(),
      };
      if (group === undefined) this.#finish(exited);
      else void this.#leaveGroup(group, exited);
    });
  }

  /** Sends the platform's scripts; resolves when the cell has an isolate ready. */
  async greet(greeting: Buffer): Promise<void> {
    this.#writer.send(FRAME.platform, 0, 0, greeting);
    this.#hello = Promise.withResolvers();
    const timer = setTimeout(() => {
      this.kill({ cause: 'stopped', detail: 'no hello in time' });
    }, LIMITS.cellStartMs);
    try {
      await this.#hello.promise;
      this.greeted = true;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Loads a bundle into a new slot; the outcome arrives at `events.loaded` or `loadFailed`. */
  open(spec: LoadSpec, events: SlotEvents): number {
    const slot = this.#nextSlot++;
    const { scripts, ...limits } = spec;
    this.#slots.set(slot, { events, cpuMs: limits.cpuMs, memoryMiB: limits.memoryMiB });
    this.#group?.allow(this.memoryMiB);
    const header = { ...limits, scripts: scripts.map(({ name, role }) => ({ name, role })) };
    const blocks = scripts.flatMap(({ code, cachedData }) => [code, cachedData ?? '']);
    this.#writer.send(FRAME.load, slot, 0, packBlocks([JSON.stringify(header), ...blocks]));
    return slot;
  }

  /**
   * Sends one frame to a slot. Answers and bodies wait for `room` before; what else is sent is small, and
   * a cell that takes none of it in is ended.
   *
   * @throws {HostError} `HOST_OVERLOADED` for a new call when the pipe is backed up
   */
  send(kind: FrameKind, slot: number, id: number, payload: Buffer | string): void {
    if (this.#end !== undefined) return;
    const { pipeBacklogBytes, pipeBacklogBytesMax } = LIMITS;
    const backlog = this.#backlogBytes;
    if (backlog > pipeBacklogBytes && kind === FRAME.invoke) {
      throw new HostError('HOST_OVERLOADED', 'The extension does not take its input fast enough');
    }
    if (backlog > pipeBacklogBytesMax) {
      return this.kill({ cause: 'protocol', detail: `${backlog} bytes sent to it are not read` });
    }
    this.#writer.send(kind, slot, id, payload);
  }

  /** Resolves when the pipe has room for more, or has ended; undefined: it has now. */
  room(): Promise<void> | undefined {
    return this.#isFull() ? this.#untilRoom() : undefined;
  }

  async #untilRoom(): Promise<void> {
    // Whoever went first may have filled it again.
    while (this.#isFull()) await (this.#drained ??= this.#whenDrained());
  }

  #isFull(): boolean {
    return this.#end === undefined && this.#backlogBytes > LIMITS.pipeBacklogBytes;
  }

  get #backlogBytes(): number {
    return this.#writer.heldBytes + this.#pipe.writableLength;
  }

  #whenDrained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#drained = undefined;
        this.#pipe.off('drain', done).off('close', done);
        resolve();
      };
      this.#pipe.on('drain', done).on('close', done);
    });
  }

  /** Frees a slot's isolate; nothing more arrives from it. */
  close(slot: number): void {
    if (this.#slots.delete(slot) && this.#end === undefined)
      this.#writer.send(FRAME.dispose, slot, 0);
  }

  /** Asks for a pong; `pingedAtMs` tells since when. */
  ping(nowMs: number): void {
    if (this.pingedAtMs !== 0 || this.#end !== undefined) return;
    this.pingedAtMs = nowMs;
    this.#writer.send(FRAME.ping, 0, 1);
  }

  /** Isolates living here. */
  get slots(): number {
    return this.#slots.size;
  }

  /** Milliseconds of silence that turns at their limit can explain. */
  get turnsMs(): number {
    let sum = 0;
    for (const { cpuMs } of this.#slots.values()) sum += cpuMs;
    return Math.max(sum, LIMITS.cpuMs);
  }

  /** Resident memory this cell may have. */
  get memoryMiB(): number {
    let sum = LIMITS.cellBaseMiB;
    for (const { memoryMiB } of this.#slots.values()) sum += memoryMiB;
    return sum;
  }

  /** Why its isolates should move to a fresh process when they have a quiet moment; undefined: they may stay. */
  get worn(): 'calls' | 'starts' | 'memory' | undefined {
    const { callsPerCell, startsPerCell, wornMemoryShare } = LIMITS;
    if (this.served >= callsPerCell) return 'calls';
    if (this.#nextSlot > startsPerCell) return 'starts';
    return this.residentMiB > this.memoryMiB * wornMemoryShare ? 'memory' : undefined;
  }

  /** Whether the process has ended or is being killed. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Ends the process now. Nothing inside can refuse. */
  kill(end: CellEnd): void {
    this.#child.kill('SIGKILL');
    this.#finish(end);
  }

  async #leaveGroup(group: ChildGroup, exited: CellEnd): Promise<void> {
    const detail = 'the kernel ended it at its limit';
    this.#finish((await group.outgrew()) ? { cause: 'memory', detail } : exited);
    await group.remove();
  }

  #finish(end: CellEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    // What it said is in the log by `cell.killed`; callers get no inner text.
    this.#hello?.reject(new HostError('HOST_INTERNAL', `Cell ${this.pid} ended at start`));
    this.#pipe.destroy();
    this.#onEnd(this, end);
    for (const { events } of this.#slots.values()) events.gone(end);
    this.#slots.clear();
  }

  /** Keeps the last words of a cell: V8 says there why it died. */
  #tell(text: string): void {
    this.#tail = (this.#tail + text).slice(-2_000);
  }

  #take(bytes: Buffer): void {
    try {
      for (const frame of this.#reader.push(bytes)) {
        if (this.#end !== undefined) return;
        this.#route(frame);
      }
    } catch (error) {
      const detail = error instanceof Error ? error.message : 'broken frame';
      this.kill({ cause: 'protocol', detail });
    }
  }

  #route(frame: Frame): void {
    if (frame.kind === FRAME.pong && frame.slot === 0) {
      this.pingedAtMs = 0;
      return;
    }
    if (frame.kind === FRAME.hello && frame.slot === 0) return this.#hello?.resolve();
    if (frame.slot >= this.#nextSlot) {
      throw new RangeError(
        `Frame ${frame.kind} names slot ${frame.slot}, which this cell never had`,
      );
    }
    const slot = this.#slots.get(frame.slot);
    if (slot === undefined || !deliver(frame, slot.events)) this.countStray();
  }

  /** Counts a frame that answers nothing; a flood of them ends the cell. */
  countStray(): void {
    this.#stray += 1;
    if (this.#stray > STRAY_FRAMES_MAX) {
      this.kill({ cause: 'protocol', detail: `${this.#stray} frames out of turn` });
    }
  }
}

function deliver(frame: Frame, events: SlotEvents): boolean {
  const { kind, id, payload } = frame;
  switch (kind) {
    case FRAME.result:
      events.result(id, readCost(payload), payload.subarray(16));
      return true;
    case FRAME.failure:
      events.failure(id, readCost(payload), payload.subarray(16));
      return true;
    case FRAME.request:
      return deliverRequest(id, payload.toString('utf8'), events);
    case FRAME.chunk:
      events.chunk(id, Buffer.from(payload));
      return true;
    case FRAME.end:
      events.end(id);
      return true;
    case FRAME.broken:
      events.broken(id, payload.toString('utf8', 0, LIMITS.errorMessageChars));
      return true;
    case FRAME.credit:
      events.credit(id, Number(payload.toString('latin1', 0, 10)) || 0);
      return true;
    case FRAME.abandon:
      events.abandon(id);
      return true;
    case FRAME.log:
      events.log(id, payload);
      return true;
    case FRAME.caches:
      return events.caches(unpackBlocks(payload));
    case FRAME.loaded:
      events.loaded();
      return true;
    case FRAME.loadFailed:
      events.loadFailed(payload.toString('utf8', 0, LIMITS.errorStackChars * 4));
      return true;
    case FRAME.fault:
      return deliverFault(payload.toString('utf8', 0, 500), events);
    default:
      return false;
  }
}

function deliverRequest(id: number, text: string, events: SlotEvents): boolean {
  const space = text.indexOf(' ');
  const second = text.indexOf(' ', space + 1);
  if (space < 1 || second < 0) return false;
  events.request(
    id,
    Number(text.slice(0, space)) || 0,
    text.slice(space + 1, second),
    text.slice(second + 1),
  );
  return true;
}

function deliverFault(text: string, events: SlotEvents): boolean {
  const { code, limit } = JSON.parse(text) as { code?: unknown; limit?: unknown };
  events.fault(String(code), String(limit));
  return true;
}

function readCost(payload: Buffer): TurnCost {
  if (payload.length < 16) throw new RangeError('Result frame without its cost');
  return { cpuUs: amountAt(payload, 0), heapBytes: amountAt(payload, 8) };
}

/** What is none would stay in every sum that it is added to. */
function amountAt(payload: Buffer, at: number): number {
  const said = payload.readDoubleLE(at);
  return said >= 0 && said <= Number.MAX_SAFE_INTEGER ? said : 0;
}
