// A cell process that is none: it loads whatever it is sent, answers every call, and breaks a limit when
// the input says so. What a host does about cells can then be tried without waiting for them.

import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';

import { FRAME } from '../../host/frames.ts';
import type { FrameKind } from '../../host/frames.ts';
import { FrameReader } from '../../host/protocol.ts';
import type { Frame } from '../../host/protocol.ts';

/** Input with which a call breaks the CPU limit of its turn. */
export const BREAK = 'break';
/** Input with which a call is never answered. */
export const WAIT = 'wait';

/** Above any process id there is: nothing under /proc answers for it. */
let pids = 1_000_000_000;

/** Starts one; it says hello by itself, unless it is to be one that hangs. */
export function startFakeCell({ hangs = false }: { readonly hangs?: boolean } = {}): ChildProcess {
  const reader = new FrameReader();
  const pipe = new Duplex({
    read: () => undefined,
    write(bytes: Buffer, _encoding, done) {
      for (const frame of reader.push(bytes)) answer(frame, say);
      done();
    },
  });
  // Later, as a process would: whoever sent has returned by then.
  const say: Say = (kind, slot, id, payload) =>
    void setImmediate(() => pipe.emit('data', frame(kind, slot, id, payload)));
  if (!hangs) say(FRAME.hello, 0, 0, '');
  pids += 1;
  return Object.assign(new EventEmitter(), {
    pid: pids,
    stdio: [null, null, null, pipe],
    stdout: null,
    stderr: null,
    kill: () => true,
  }) as unknown as ChildProcess;
}

type Say = (kind: FrameKind, slot: number, id: number, payload: string) => void;

function answer({ kind, slot, id, payload }: Frame, say: Say): void {
  if (kind === FRAME.ping) return say(FRAME.pong, 0, id, '');
  if (kind === FRAME.load) return say(FRAME.loaded, slot, id, '');
  if (kind !== FRAME.invoke) return;
  const { call, input } = JSON.parse(payload.toString()) as {
    call: { handler: string };
    input: unknown;
  };
  if (input === WAIT) return;
  if (input === BREAK) {
    return say(FRAME.fault, slot, 0, '{"code":"EXTENSION_CPU_EXCEEDED","limit":"500 ms"}');
  }
  // Sixteen bytes of cost, zero, come before the text.
  const text = call.handler === ':configure' ? '{"ok":true}' : '"fine"';
  say(FRAME.result, slot, id, '\0'.repeat(16) + text);
}

/** A frame as it stands on the pipe. */
export function frame(
  kind: number,
  slot: number,
  id: number,
  payload: string | Uint8Array = '',
): Buffer {
  const body = Buffer.from(payload);
  const bytes = Buffer.alloc(11 + body.length);
  bytes.writeUInt32LE(7 + body.length, 0);
  bytes.writeUInt8(kind, 4);
  bytes.writeUInt16LE(slot, 5);
  bytes.writeUInt32LE(id, 7);
  bytes.set(body, 11);
  return bytes;
}
