// The guest's requests to the host: admitted here, served by a capability, answered on the pipe.
// One object per running isolate; everything is dropped when the isolate goes.

import { Cancellation } from '../cancellation.ts';
import type { CancelReason } from '../cancellation.ts';
import type { CallScope, CapabilityTable, Usage } from '../capabilities/capability.ts';
import { HostError, toErrorData } from '../errors.ts';
import type { ErrorData } from '../errors.ts';
import { FRAME } from '../frames.ts';
import type { FrameKind } from '../frames.ts';
import { LIMITS } from '../limits.ts';
import { hasMoreValues } from './json-values.ts';
import { Download, Upload } from './streams.ts';
import { stampOfAnswer } from './trace.ts';
import type { CallTrace } from './trace.ts';

type Bounds = { readonly chars: number; readonly values: number };

const WHOLE_TURN: Bounds = { chars: LIMITS.sendCharsPerTurn, values: LIMITS.requestValues };
/** What a request may be made of, looked at before it is parsed: what is kept as it is may be all values. */
const BOUNDS: ReadonlyMap<string, Bounds> = new Map([
  ['storage', { chars: LIMITS.storageRequestChars, values: LIMITS.storageRequestChars }],
  ['webhook', { ...WHOLE_TURN, chars: LIMITS.webhookRequestChars }],
  ['crypto', { ...WHOLE_TURN, chars: LIMITS.cryptoRequestChars }],
]);

/** The running call a request belongs to. */
export type RequestingCall = {
  readonly scope: Omit<CallScope, 'sequence' | 'usage' | 'cancellation'>;
  readonly usage: Map<string, Usage>;
  readonly trace: CallTrace | undefined;
  requests: number;
};

/** Where requests come from and answers go. */
export type RequestPorts = {
  readonly table: CapabilityTable;
  readonly send: (kind: FrameKind, id: number, payload: Buffer | string) => void;
  /** Waits while the pipe is full; undefined when it is not. */
  readonly room: () => Promise<void> | undefined;
  /** The call with that number; below 1 the guest did not say: the one that was seen, or one to charge. */
  readonly findCall: (number: number) => RequestingCall | undefined;
  /** The guest broke a rule of the pipe that no bridge breaks. */
  readonly onViolation: (detail: string) => void;
};

type Open = {
  readonly call: RequestingCall;
  /** The guest did not say whose it is: charged to `call`, but any running call may wait for it. */
  readonly isShared: boolean;
  readonly upload: Upload;
  readonly download: Download;
  readonly cancellation: Cancellation;
};

/** Requests in flight of one isolate. */
export class Requests {
  readonly #ports: RequestPorts;
  readonly #open = new Map<number, Open>();
  /** Characters of answers that wait for the pipe. */
  #waitingChars = 0;

  constructor(ports: RequestPorts) {
    this.#ports = ports;
  }

  /** Admits one request and serves it; its answer leaves by itself. */
  take(id: number, number: number, capability: string, payload: string): void {
    const call = this.#ports.findCall(number);
    if (call === undefined) return this.#refuse(id, hasEnded(capability));
    const refused = this.#decide(id, call, { capability, payload });
    if (refused !== undefined) return this.#refuse(id, refused);
    const open: Open = {
      call,
      isShared: number <= 0,
      upload: new Upload((chunks) => this.#ports.send(FRAME.credit, id, String(chunks))),
      download: new Download(),
      cancellation: new Cancellation(),
    };
    this.#open.set(id, open);
    call.requests += 1;
    void this.#serve(id, open, { capability, payload });
  }

  chunk(id: number, bytes: Buffer): void {
    const upload = this.#open.get(id)?.upload;
    if (upload === undefined || upload.push(bytes)) return;
    this.#ports.onViolation('upload chunks over the window');
    // A body with a hole in it must not arrive as a whole one.
    upload.end(new HostError('EXTENSION_QUOTA_EXCEEDED', 'The body was sent faster than allowed'));
  }

  end(id: number, error?: Error): void {
    this.#open.get(id)?.upload.end(error);
  }

  credit(id: number, chunks: number): void {
    this.#open.get(id)?.download.grant(chunks);
  }

  /** The guest no longer wants the answer. */
  abandon(id: number): void {
    this.#drop(id, 'given-up');
  }

  /**
   * The call has ended: what it asked for and has not got is aborted, and the guest forgets who waits for
   * it. What may be another's, such as a signature with a host-held key, goes on as long as others run.
   */
  endCall(call: RequestingCall, { isLast }: { readonly isLast: boolean }): void {
    for (const [id, open] of this.#open) {
      if (open.isShared ? !isLast : open.call !== call) continue;
      this.#drop(id, 'call-over');
      this.#ports.send(FRAME.abandon, id, '');
    }
  }

  /** The isolate is gone: everything in flight is aborted. */
  dispose(): void {
    for (const id of [...this.#open.keys()]) this.#drop(id, 'call-over');
  }

  #drop(id: number, why: CancelReason): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    open.cancellation.cancel(why);
    open.download.abandon();
  }

  #decide(
    id: number,
    call: RequestingCall,
    { capability, payload }: { readonly capability: string; readonly payload: string },
  ): ErrorData | undefined {
    if (this.#open.has(id)) {
      this.#ports.onViolation('request id used twice');
      return refusal('EXTENSION_QUOTA_EXCEEDED', 'Request id is in use', 'Use each id once');
    }
    if (!Object.hasOwn(this.#ports.table, capability)) {
      const remedy = `Ask for it under "capabilities" in manifest.json`;
      return refusal('CALLER_GRANT_NEEDED', `Capability "${capability}" is not granted`, remedy);
    }
    const tooLarge = overBounds(payload, BOUNDS.get(capability) ?? WHOLE_TURN);
    if (tooLarge !== undefined) {
      const message = `A request to "${capability}" ${tooLarge}`;
      return refusal('EXTENSION_QUOTA_EXCEEDED', message, 'Send its parts one by one');
    }
    if (this.#open.size >= LIMITS.requestsPerInstance) {
      const message = `More than ${LIMITS.requestsPerInstance} requests are in flight`;
      return refusal('EXTENSION_QUOTA_EXCEEDED', message, 'Await some before sending more');
    }
    if (call.requests >= LIMITS.requestsPerCall) {
      const message = `The call has made ${LIMITS.requestsPerCall} requests already`;
      return refusal('EXTENSION_QUOTA_EXCEEDED', message, 'Do the rest in another call');
    }
    return undefined;
  }

  async #serve(
    id: number,
    open: Open,
    { capability, payload }: { capability: string; payload: string },
  ): Promise<void> {
    const { call, cancellation } = open;
    const sequence = call.requests;
    const usage = usageOf(call, capability);
    usage.calls += 1;
    usage.bytesOut += payload.length;
    try {
      const scope = { ...call.scope, sequence, usage, cancellation };
      const serve = this.#ports.table[capability];
      if (serve === undefined)
        throw new HostError('CALLER_GRANT_NEEDED', 'Capability is not granted');
      const reply = await serve(parsePayload(payload), scope, () => open.upload.read());
      if (cancellation.cancelled) return;
      const text = JSON.stringify(reply.value ?? null);
      const full = this.#ports.room();
      if (full !== undefined || text.length > LIMITS.replyChars) await this.#wait(text, full);
      if (cancellation.cancelled) return;
      const stamp = stampOfAnswer(call.trace, sequence);
      if (reply.body === undefined) return this.#answer(id, `${stamp} ${text}`);
      this.#ports.send(FRAME.reply, id, `${stamp}*${text}`);
      await this.#stream(id, open, reply.body);
    } catch (error) {
      if (error instanceof HostError && error.code === 'EGRESS_DENIED') usage.denied += 1;
      if (cancellation.cancelled) return;
      this.#open.delete(id);
      this.#refuse(id, toErrorData(error), stampOfAnswer(call.trace, sequence));
      // What it still holds, such as a body that nobody will read, is let go.
      cancellation.cancel();
    }
  }

  /** Waits until an answer may leave. What a busy guest leaves unread is bounded, whoever asked for it. */
  async #wait({ length }: string, full: Promise<void> | undefined): Promise<void> {
    if (length > LIMITS.replyChars) {
      throw new HostError(
        'EXTENSION_QUOTA_EXCEEDED',
        `The answer is over ${LIMITS.replyChars} characters`,
        { remedy: 'Ask for less at a time' },
      );
    }
    if (this.#waitingChars + length > LIMITS.pipeBacklogBytes) {
      throw new HostError(
        'EXTENSION_QUOTA_EXCEEDED',
        `Answers of ${LIMITS.pipeBacklogBytes} characters wait to be read already`,
        { remedy: 'Await some requests before sending more, and work less between them' },
      );
    }
    this.#waitingChars += length;
    await full;
    this.#waitingChars -= length;
  }

  async #stream(id: number, open: Open, body: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      const { room } = this.#ports;
      const send = (chunk: Buffer): void => this.#ports.send(FRAME.chunk, id, chunk);
      await open.download.pump(body, { send, room });
      if (this.#open.delete(id)) this.#ports.send(FRAME.end, id, '');
    } catch (error) {
      if (this.#open.delete(id)) {
        this.#ports.send(FRAME.broken, id, JSON.stringify(toErrorData(error)));
      }
    }
  }

  #answer(id: number, text: string): void {
    if (this.#open.delete(id)) this.#ports.send(FRAME.reply, id, text);
  }

  #refuse(id: number, error: ErrorData, stamp = ''): void {
    this.#ports.send(FRAME.refuse, id, stamp + JSON.stringify(error));
  }
}

function overBounds(payload: string, { chars, values }: Bounds): string | undefined {
  if (payload.length > chars) return `is over ${chars} characters`;
  return hasMoreValues(payload, values) ? `holds over ${values} values` : undefined;
}

function hasEnded(capability: string): ErrorData {
  const message = `Capability "${capability}" needs a running call: this one has ended`;
  return refusal('CALLER_CANCELLED', message, 'Await what a handler begins before it returns');
}

function refusal(code: ErrorData['code'], message: string, remedy: string): ErrorData {
  return { code, message, remedy };
}

function parsePayload(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HostError('EXTENSION_OUTPUT_INVALID', 'The request is not JSON', { cause: error });
  }
}

function usageOf(call: RequestingCall, capability: string): Usage {
  const known = call.usage.get(capability);
  if (known !== undefined) return known;
  const usage = { calls: 0, bytesOut: 0, bytesIn: 0, denied: 0 };
  call.usage.set(capability, usage);
  return usage;
}
