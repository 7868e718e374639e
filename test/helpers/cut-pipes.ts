// The pipes between this process and the cells that it starts, to be cut at any frame: lost with the process
// at its other end, with the host's own end, or in the middle of it. Node tells of each child process as it
// is made, so nothing of the host knows of it.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';

import { FRAME } from '../../host/frames.ts';

/** How a pipe is cut at a frame. */
export const CUTS = [
  /** The frame is lost, and the process is killed */
  'killed',
  /** The frame is lost, and the host's end is closed; a cell whose pipe is closed ends itself */
  'closed',
  /** A part of the frame arrives, then the process is killed */
  'torn',
] as const;

/** One of `CUTS`. */
export type Cut = (typeof CUTS)[number];

/** Told of each frame that a call needs, as it is to pass; an answer cuts its pipe there. */
export type OnFrame = (frame: { readonly bytes: number }) => Cut | undefined;

/** The cells that were started since. */
export type WatchedCells = Disposable & {
  /** SIGKILL to all that live; there is at least one. */
  kill(): void;
};

/** Frames that come when they come: looks at a cell, spare cells, code caches. */
const BACKGROUND: ReadonlySet<number> = new Set([
  ...[FRAME.ping, FRAME.pong, FRAME.platform, FRAME.hello, FRAME.warm, FRAME.caches],
]);
const LENGTH_BYTES = 4;

/** Watches every cell that is started from now on. */
export function watchCells(onFrame: OnFrame = () => undefined): WatchedCells {
  const living = new Set<ChildProcess>();
  const onChild = (message: unknown): void => {
    const { process: child } = message as { readonly process: ChildProcess };
    // It is told before it is started; whoever starts it listens before it says anything.
    queueMicrotask(() => {
      if (!isCell(child)) return;
      living.add(child);
      child.once('exit', () => living.delete(child));
      watchPipe(child, onFrame);
    });
  };
  subscribe('child_process', onChild);
  return {
    kill() {
      assert.ok(living.size > 0, 'no cell is there');
      for (const child of living) child.kill('SIGKILL');
    },
    [Symbol.dispose]: () => void unsubscribe('child_process', onChild),
  };
}

/** Builders have a pipe too, and may start processes. */
function isCell({ stdio, spawnargs }: ChildProcess): boolean {
  return stdio?.[3] instanceof Socket && !spawnargs.join(' ').includes('--allow-child-process');
}

function watchPipe(child: ChildProcess, onFrame: OnFrame): void {
  const pipe = child.stdio[3] as Socket;
  let isCut = false;
  const filter = (): ((bytes: Uint8Array) => Buffer) => {
    const frames = createCutter();
    return (bytes) => {
      if (isCut) return Buffer.alloc(0);
      const passed: Buffer[] = [];
      for (const frame of frames(bytes)) {
        const how = BACKGROUND.has(frame[LENGTH_BYTES] ?? 0)
          ? undefined
          : onFrame({ bytes: frame.length });
        if (how === undefined) passed.push(frame);
        else {
          isCut = true;
          if (how === 'torn') passed.push(frame.subarray(0, Math.ceil(frame.length / 2)));
          // What has passed is to arrive first.
          setImmediate(() => (how === 'closed' ? pipe.destroy() : child.kill('SIGKILL')));
          break;
        }
      }
      return Buffer.concat(passed);
    };
  };
  const [toHost, toCell] = [filter(), filter()];
  const push = pipe.push.bind(pipe);
  pipe.push = (chunk: Buffer | null) => push(chunk === null ? null : toHost(chunk));
  const write = pipe.write.bind(pipe);
  pipe.write = (bytes: string | Uint8Array) => write(toCell(Buffer.from(bytes)));
}

/** Cuts a stream into whole frames. */
function createCutter(): (bytes: Uint8Array) => Buffer[] {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    const frames: Buffer[] = [];
    while (rest.length >= LENGTH_BYTES) {
      const length = LENGTH_BYTES + rest.readUInt32LE(0);
      if (rest.length < length) break;
      frames.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    return frames;
  };
}
