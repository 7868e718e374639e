// One isolate within the cell: batches its frames into turns, charges their cost to calls, keeps its
// timers, and ends it when a turn breaks a limit. Called by main.ts; knows nothing of other slots.

import { FRAME } from '../frames.ts';
import type { FrameKind } from '../frames.ts';
import { LIMITS } from '../limits.ts';
import { packBlocks } from '../protocol.ts';
import type { Driver, Isolate, Platform, Script, TurnEnd } from './driver.ts';
import { readStamp, STAMP, TracedCall } from './traced-call.ts';
import type { Draw } from './traced-call.ts';

/** What a slot may do outside: write frames, answer questions, serve requests inside the cell. */
export type SlotPowers = {
  readonly write: (kind: FrameKind, id: number, payload: Buffer | string) => void;
  readonly ask: (operation: string, text: string, draw?: Draw) => string;
  /** Serves `cell.*` requests (crypto); resolves with JSON text, rejects with a message. */
  readonly serve: (capability: string, payload: string) => Promise<string>;
};

/** Frames that run together. Those of a traced call run alone: what they draw and read is that call's. */
type Turn = {
  batch: string;
  readonly touched: Set<number>;
  readonly traced: TracedCall | undefined;
  /** The clock of a traced call from this turn on; undefined: it stands */
  readonly atMs: number | undefined;
};
type Whose = Pick<Turn, 'traced' | 'atMs'> & {
  /** The call that a frame belongs to, while it runs */
  readonly call: number | undefined;
};

type Outgoing = { readonly kind: number; readonly id: number; readonly text: string };

/** Frames after which nothing more comes for a request; a reply that starts with `*` is followed by chunks. */
const ENDINGS: ReadonlySet<number> = new Set([
  ...[FRAME.refuse, FRAME.end, FRAME.broken, FRAME.abandon],
]);
/** Parts of a body take as long as they take, whatever the host has told. */
const TIMELESS: ReadonlySet<number> = new Set([
  ...[FRAME.chunk, FRAME.end, FRAME.broken, FRAME.credit, FRAME.cancel, FRAME.abandon],
]);
const GUEST_KINDS: ReadonlySet<number> = new Set([
  FRAME.result,
  FRAME.failure,
  FRAME.request,
  FRAME.abandon,
  FRAME.log,
  FRAME.chunk,
  FRAME.end,
  FRAME.broken,
  FRAME.credit,
]);

/** A loaded isolate and everything that belongs to it. */
export class Slot {
  readonly #isolate: Isolate;
  #powers: SlotPowers | undefined;
  #cpuMs: number = LIMITS.cpuMs;
  #turns: Turn[] = [];
  #current: Turn | undefined;
  /** Calls that have not been answered. */
  readonly #running = new Set<number>();
  /** A request named no call, and nobody could tell whose it was: from then on calls share no turns. */
  #isSplit = false;
  readonly #traced = new Map<number, TracedCall>();
  #outgoing: Outgoing[] = [];
  #sentChars = 0;
  #over = false;
  #ended = false;
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #callOfRequest = new Map<number, number>();
  readonly #costUs = new Map<number, number>();

  constructor(driver: Driver, platform: Platform, memoryMiB: number) {
    this.#isolate = driver.createIsolate({
      memoryMiB,
      platform,
      timeoutMs: LIMITS.loadMs,
      ports: {
        send: (kind, id, text) => this.#take(kind, id, text),
        ask: (operation, text) => this.#answer(operation, text),
      },
    });
  }

  /** Gives the slot its powers and loads a bundle into it. */
  start(
    powers: SlotPowers,
    bundle: {
      cpuMs: number;
      /** Where its `performance.now()` starts, in epoch milliseconds; absent: where it was made */
      originMs?: number;
      scripts: readonly (Script & { role: LoadRole })[];
    },
  ): TurnEnd {
    this.#powers = powers;
    this.#cpuMs = bundle.cpuMs;
    for (const script of bundle.scripts) {
      const { originMs } = bundle;
      const end = this.#isolate.load(script, script.role, { timeoutMs: LIMITS.loadMs, originMs });
      if (end.end !== 'ok') {
        this.dispose();
        return end;
      }
    }
    this.#flush(0);
    return { end: 'ok' };
  }

  /** Queues one frame for the next turn. */
  push(kind: number, id: number, payload: Buffer): void {
    const binary = kind === FRAME.chunk;
    const whole = payload.toString(binary ? 'base64' : 'utf8');
    const isStamped = payload[0] === STAMP && !binary;
    const { text, stamp } = isStamped ? readStamp(whole) : { text: whole, stamp: undefined };
    if (stamp !== undefined && kind === FRAME.invoke) {
      this.#traced.set(id, new TracedCall(id, stamp));
    }
    if (kind === FRAME.invoke) this.#running.add(id);
    if (kind === FRAME.cancel) this.#running.delete(id);
    const call = kind === FRAME.invoke || kind === FRAME.cancel ? id : this.#callOfRequest.get(id);
    this.#append(kind, id, text, this.#whose(call, TIMELESS.has(kind) ? Date.now() : stamp?.atMs));
    const last = kind === FRAME.reply ? !text.startsWith('*') : ENDINGS.has(kind);
    if (last) this.#callOfRequest.delete(id);
    // Nobody waits for what it still does.
    if (kind === FRAME.cancel) this.#traced.delete(id);
  }

  /** Runs everything queued: in one turn, but for traced calls. */
  turn(): void {
    while (!this.#ended) {
      const turn = this.#turns.shift();
      if (turn === undefined) return;
      this.#current = turn;
      this.#run(turn);
      this.#current = undefined;
    }
  }

  #run({ batch, touched, traced, atMs }: Turn): void {
    if (atMs !== undefined) traced?.advance(atMs);
    const before = this.#isolate.cpuNs();
    const end = this.#isolate.enter(batch, this.#cpuMs, traced?.clockMs);
    const spentUs = Number(this.#isolate.cpuNs() - before) / 1_000;
    // Frames that ran in one turn cannot be told apart from outside: they share its cost.
    for (const call of touched) {
      this.#costUs.set(call, (this.#costUs.get(call) ?? 0) + spentUs / touched.size);
    }
    this.#flush(this.#isolate.heapBytes());
    if (this.#over) return this.#fault('EXTENSION_QUOTA_EXCEEDED', 'messages per turn');
    if (end.end === 'cpu')
      return this.#fault('EXTENSION_CPU_EXCEEDED', `${this.#cpuMs} ms in one turn`);
    if (end.end === 'memory') return this.#fault('EXTENSION_MEMORY_EXCEEDED', 'heap limit');
    if (end.end === 'threw') this.#logDetached(end.message);
  }

  /** Answers with a code cache for each script, in their order. */
  warm(scripts: readonly Script[]): void {
    if (this.#ended) return;
    const caches = scripts.map((script) => this.cacheOf(script));
    this.#powers?.write(FRAME.caches, 0, packBlocks(caches));
  }

  /** A code cache of a script that was loaded, with every function that has run since. */
  cacheOf(script: Script): Buffer {
    return this.#isolate.cacheOf(script);
  }

  /** Frees the isolate, its timers and its waiting frames. */
  dispose(): void {
    this.#ended = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#isolate.dispose();
  }

  #append(kind: number, id: number, text: string, whose: Whose): void {
    if (this.#ended) return;
    const turn = this.#turnOf(whose);
    if (whose.call !== undefined) turn.touched.add(whose.call);
    turn.batch += `${kind},${id},${text.length}:${text}`;
  }

  /** The turn that a frame belongs to: the last one queued, unless a call has to be alone. */
  #turnOf({ traced, atMs, call }: Whose): Turn {
    const last = this.#turns.at(-1);
    if (traced === undefined && last !== undefined && last.traced === undefined) {
      if (!this.#isSplit || (call === undefined ? last.touched.size === 0 : last.touched.has(call)))
        return last;
    }
    const touched = new Set<number>(traced === undefined ? [] : [traced.number]);
    const turn: Turn = { batch: '', touched, traced, atMs };
    this.#turns.push(turn);
    return turn;
  }

  #whose(of: number | undefined, atMs: number | undefined): Whose {
    const call = of !== undefined && this.#running.has(of) ? of : undefined;
    const traced = of === undefined ? undefined : this.#traced.get(of);
    return { call, traced, atMs: traced === undefined ? undefined : atMs };
  }

  /** The call whose turn it is; 0 when it is nobody's, or that of several. */
  #callOfTurn(): number {
    const [call = 0, ...others] = this.#current?.touched ?? [];
    return others.length === 0 ? call : 0;
  }

  /** The guest's `send`. Runs inside a turn: only checks and queues. */
  #take(kind: unknown, id: unknown, text: unknown): boolean {
    if (typeof kind !== 'number' || typeof id !== 'number' || typeof text !== 'string')
      return false;
    this.#sentChars += text.length;
    const full =
      this.#outgoing.length >= LIMITS.sendsPerTurn || this.#sentChars > LIMITS.sendCharsPerTurn;
    if (full || !GUEST_KINDS.has(kind)) {
      this.#over = true;
      return false;
    }
    this.#outgoing.push({ kind, id, text });
    return true;
  }

  #flush(heapBytes: number): void {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    this.#sentChars = 0;
    let lines = 0;
    let chars = 0;
    for (const { kind, id, text } of outgoing) {
      if (kind === FRAME.log) {
        lines += 1;
        chars += text.length;
        // Of a flood the host would drop the rest: 16 MiB of it held up everybody else's calls.
        if (lines > LIMITS.logLinesPerSecond || chars > LIMITS.logBytesPerSecond) {
          // It counts what it drops; of a turn that ends the isolate nobody asks for the number.
          if (!this.#over) this.#relay(kind, id, '');
          continue;
        }
      }
      if (kind === FRAME.result || kind === FRAME.failure) this.#finish(kind, id, text, heapBytes);
      else if (kind === FRAME.request) this.#request(id, text);
      else this.#relay(kind, id, text);
    }
  }

  #finish(kind: FrameKind, call: number, text: string, heapBytes: number): void {
    const cost = Buffer.allocUnsafe(16);
    cost.writeDoubleLE(this.#costUs.get(call) ?? 0, 0);
    cost.writeDoubleLE(heapBytes, 8);
    this.#costUs.delete(call);
    this.#running.delete(call);
    this.#traced.delete(call);
    this.#powers?.write(kind, call, Buffer.concat([cost, Buffer.from(text)]));
  }

  #request(id: number, text: string): void {
    const space = text.indexOf(' ');
    const second = text.indexOf(' ', space + 1);
    const named = Number(text.slice(0, space));
    // The global fetch does not say whose it is; below zero the host is told what was seen.
    const call = named || this.#callOfTurn();
    this.#isSplit ||= call === 0 && this.#current !== undefined && this.#current.touched.size > 1;
    const capability = text.slice(space + 1, second);
    if (call !== 0) this.#callOfRequest.set(id, call);
    if (!capability.startsWith('cell.')) {
      return this.#relay(FRAME.request, id, `${named || -call}${text.slice(space)}`);
    }
    const answer = this.#powers?.serve(capability, text.slice(second + 1));
    answer?.then(
      (json) => this.#answerLater(FRAME.reply, id, ` ${json}`),
      (error: unknown) => this.#answerLater(FRAME.refuse, id, wireError(error)),
    );
  }

  #answerLater(kind: number, id: number, text: string): void {
    this.#append(kind, id, text, this.#whose(this.#callOfRequest.get(id), undefined));
    this.#callOfRequest.delete(id);
    this.turn();
  }

  #relay(kind: number, id: number, text: string): void {
    if (kind === FRAME.abandon) this.#callOfRequest.delete(id);
    const payload = kind === FRAME.chunk ? Buffer.from(text, 'base64') : text;
    this.#powers?.write(kind as FrameKind, id, payload);
  }

  /** The guest's `ask`. Timers are kept here; everything else is answered by host/sandbox/ask. */
  #answer(operation: unknown, text: unknown): string {
    if (typeof operation !== 'string' || typeof text !== 'string') return '-Only text can be asked';
    if (text.length > LIMITS.askChars) {
      return `-The text of "${operation}" is over ${LIMITS.askChars} characters`;
    }
    if (operation === 'timer.set') return this.#setTimer(text);
    if (operation === 'timer.clear') return this.#clearTimer(text);
    return (
      this.#powers?.ask(operation, text, this.#current?.traced?.draw) ??
      '-Not available while loading the platform'
    );
  }

  #setTimer(text: string): string {
    if (this.#timers.size >= LIMITS.timersPerInstance) {
      return `-More than ${LIMITS.timersPerInstance} timers are set: clear some first`;
    }
    const [id = 0, ms = 0] = text.split(' ').map(Number);
    const delayMs = Math.min(Math.max(1, Math.trunc(ms) || 1), 0x7fffffff);
    const setBy = this.#callOfTurn();
    // In a traced call it is then as late as was asked, not as late as the process came to it.
    const dueMs = (this.#current?.traced?.clockMs ?? 0) + delayMs;
    const timer = setTimeout(() => {
      this.#timers.delete(id);
      this.#append(FRAME.timer, id, '', this.#whose(setBy, dueMs));
      this.turn();
    }, delayMs);
    this.#timers.set(id, timer);
    return '+';
  }

  #clearTimer(text: string): string {
    const id = Number(text);
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    return '+';
  }

  #logDetached(message: string): void {
    const line = { level: 'error', message: `Unhandled: ${message}` };
    this.#powers?.write(FRAME.log, 0, JSON.stringify(line));
  }

  #fault(code: string, limit: string): void {
    this.dispose();
    this.#powers?.write(FRAME.fault, 0, JSON.stringify({ code, limit }));
  }
}

/** What a script of a load is, in loading order. */
export type LoadRole = 'dependencies' | 'extension';

function wireError(error: unknown): string {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: 'failed' };
  const text = message.slice(0, LIMITS.errorMessageChars);
  return JSON.stringify({ code: name, message: text });
}
