// The only way in and out of an isolate: text in by `deliver`, text out by `send`, small synchronous
// questions to the cell by `ask`. Runs before any guest code and keeps what it needs in this closure.
// Must never hand out `send` or `ask`, never call a method that guest code could have replaced, and let
// nothing but text and numbers out: of an object the engine makes a copy on the cell's own thread.

import { FRAME } from '../frames.ts';

/** A failure as it crosses: data only. */
export type WireError = { code: string; message: string; remedy?: string; details?: unknown };

/** Where the parts of one request's answer go. Called synchronously within a turn. */
export type RequestHooks = {
  /** The reply's value; `streams` says that chunks follow. */
  reply(value: unknown, streams: boolean): void;
  refuse(error: WireError): void;
  chunk?(bytes: Uint8Array): void;
  end?(): void;
  broken?(error: WireError): void;
  /** The host took `chunks` of the upload; that many more may be sent. */
  credit?(chunks: number): void;
};

/** Calls from the host, wired by calls.ts. */
export type CallHooks = { invoke(id: number, text: string): void; cancel(id: number): void };

type Send = (kind: number, id: number, text: string) => boolean;
type Ask = (operation: string, text: string) => string;

const uncurry = Function.prototype.bind.bind(Function.prototype.call) as <
  T,
  A extends unknown[],
  R,
>(
  method: (this: T, ...args: A) => R,
) => (self: T, ...args: A) => R;
const indexOf = uncurry(String.prototype.indexOf);
const slice = uncurry(String.prototype.slice);
const charCodeAt = uncurry(String.prototype.charCodeAt);
const toBase64 = uncurry(Uint8Array.prototype.toBase64);
const fromBase64 = Uint8Array.fromBase64.bind(Uint8Array);
const { parse, stringify } = JSON;
const NativeError = Error;
const NativeTypeError = TypeError;
const create = Object.create;

let sendOut: Send;
let askCell: Ask;
let calls: CallHooks;
let nextRequest = 1;
let nextTimer = 1;
// Integer-keyed objects without a prototype: no method that a guest could replace is needed to use them.
const requests = create(null) as { [id: number]: RequestHooks };
const timers = create(null) as { [id: number]: () => void };

/** Takes the two host functions; called once, before guest code exists. */
export function connect(send: Send, ask: Ask, hooks: CallHooks): void {
  sendOut = send;
  askCell = ask;
  calls = hooks;
}

/** Sends one frame. Throws when the turn's quota is used up: the cell ends the isolate afterwards. */
export function send(kind: number, id: number, text: string): void {
  assertText(text);
  if (!sendOut(kind, id, text)) throw new NativeError('The quota of messages per turn is used up');
}

/**
 * Asks the cell and waits: URL parsing, text decoding, random bytes, timers.
 *
 * @returns What the cell answered, without its marker
 * @throws {TypeError} With the cell's words when it refused
 */
export function ask(operation: string, text: string): string {
  assertText(text);
  const answer = askCell(operation, text);
  if (charCodeAt(answer, 0) !== 43) throw new NativeTypeError(slice(answer, 1));
  return slice(answer, 1);
}

/** What the platform made of a guest's value is none where the guest has replaced what makes it. */
function assertText(text: unknown): void {
  if (typeof text !== 'string') throw new NativeTypeError('Only text leaves an isolate');
}

/**
 * Starts a capability request.
 *
 * @param call The call it is charged to; 0: the one whose turn it is
 * @returns The request's id, for `abandon`, `credit` and upload chunks
 */
export function request(
  call: number,
  capability: string,
  payload: unknown,
  hooks: RequestHooks,
): number {
  const id = nextRequest;
  nextRequest = nextRequest >= 0xffffffff ? 1 : nextRequest + 1;
  requests[id] = hooks;
  const text = stringify(payload) as string | undefined;
  send(FRAME.request, id, `${call} ${capability} ${text ?? 'null'}`);
  return id;
}

/** Gives a request up; nothing more arrives for it. */
export function abandon(id: number): void {
  if (requests[id] === undefined) return;
  delete requests[id];
  send(FRAME.abandon, id, '');
}

/** Lets the host send `chunks` more of a reply's body. */
export function credit(id: number, chunks: number): void {
  if (requests[id] !== undefined) send(FRAME.credit, id, `${chunks}`);
}

/** Sends a part of an upload; the caller counts credits (`LIMITS.streamWindowChunks` at first). */
export function uploadChunk(id: number, bytes: Uint8Array): void {
  send(FRAME.chunk, id, toBase64(bytes));
}

/** Ends an upload, whole or broken. */
export function uploadEnd(id: number, error?: string): void {
  if (error === undefined) send(FRAME.end, id, '');
  else send(FRAME.broken, id, error);
}

/** Runs `fire` in a turn of its own after `ms`; returns the id for `clearTimer`. */
export function setTimer(ms: number, fire: () => void): number {
  const id = nextTimer++;
  ask('timer.set', `${id} ${ms}`);
  timers[id] = fire;
  return id;
}

/** Forgets a timer; unknown ids are fine. */
export function clearTimer(id: number): void {
  if (timers[id] === undefined) return;
  delete timers[id];
  ask('timer.clear', `${id}`);
}

/** One turn: every frame that arrived together, as `kind,id,length:payload…`. */
export function deliver(batch: string): void {
  let at = 0;
  while (at < batch.length) {
    const colon = indexOf(batch, ':', at);
    const firstComma = indexOf(batch, ',', at);
    const secondComma = indexOf(batch, ',', firstComma + 1);
    const kind = +slice(batch, at, firstComma);
    const id = +slice(batch, firstComma + 1, secondComma);
    const end = colon + 1 + +slice(batch, secondComma + 1, colon);
    route(kind, id, slice(batch, colon + 1, end));
    at = end;
  }
}

function route(kind: number, id: number, text: string): void {
  if (kind === FRAME.invoke) return calls.invoke(id, text);
  if (kind === FRAME.cancel) return calls.cancel(id);
  if (kind === FRAME.timer) return fireTimer(id);
  const hooks = requests[id];
  if (hooks === undefined) return;
  if (kind === FRAME.abandon) {
    // Its call is over: nothing more comes, and nobody is told.
    delete requests[id];
    return;
  }
  if (kind === FRAME.chunk) return hooks.chunk?.(fromBase64(text));
  if (kind === FRAME.credit) return hooks.credit?.(+text);
  if (kind === FRAME.reply) {
    const streams = charCodeAt(text, 0) === 42;
    if (!streams) delete requests[id];
    return hooks.reply(parse(slice(text, 1)), streams);
  }
  delete requests[id];
  if (kind === FRAME.end) return hooks.end?.();
  const error = parse(text) as WireError;
  if (kind === FRAME.broken) return hooks.broken?.(error);
  return hooks.refuse(error);
}

function fireTimer(id: number): void {
  const fire = timers[id];
  delete timers[id];
  fire?.();
}
