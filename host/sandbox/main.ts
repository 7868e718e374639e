// The cell: a jailed child process that holds isolates. Reads frames on fd 3, runs turns, writes frames.
// It has no network, no files and no environment, and must never look inside a guest's text.

import { Socket } from 'node:net';

import { FRAME } from '../frames.ts';
import { LIMITS } from '../limits.ts';
import { FrameReader, FrameWriter, unpackBlocks } from '../protocol.ts';
import type { Frame } from '../protocol.ts';
import { createCellServices } from './ask/index.ts';
import { platformOf } from './driver.ts';
import type { Platform, Script } from './driver.ts';
import { createIvmDriver } from './isolate.ts';
import { Slot } from './slot.ts';
import type { LoadRole, SlotPowers } from './slot.ts';

type LoadHeader = {
  readonly memoryMiB: number;
  readonly cpuMs: number;
  readonly originMs?: number;
  readonly scripts: readonly { readonly name: string; readonly role: LoadRole }[];
};

const reader = new FrameReader();
const pipe = new Socket({
  fd: 3,
  readable: true,
  writable: true,
  // One buffer for all reads: of bodies that pass through, each read would leave one behind.
  onread: { buffer: Buffer.allocUnsafeSlow(LIMITS.cellReadBytes), callback: take },
});
const writer = new FrameWriter(pipe);
const driver = createIvmDriver(() => process.abort());
const slots = new Map<number, Slot>();
let platform: Platform | undefined;
let warm: Slot | undefined;

// The host is gone: nothing here may outlive it.
pipe.on('close', () => process.kill(process.pid, 'SIGKILL'));
pipe.on('error', () => process.kill(process.pid, 'SIGKILL'));

/** Takes what was read: every frame that is whole, in as few turns as can be. Goes on reading. */
function take(bytes: number, buffer: Uint8Array): boolean {
  const touched = new Set<Slot>();
  const read = Buffer.from(buffer.buffer, buffer.byteOffset, bytes);
  for (const frame of reader.push(read)) handle(frame, touched);
  for (const slot of touched) slot.turn();
  writer.flush();
  return true;
}

function handle(frame: Frame, touched: Set<Slot>): void {
  const slot = slots.get(frame.slot);
  if (frame.kind === FRAME.ping) return writer.send(FRAME.pong, 0, frame.id);
  if (frame.kind === FRAME.platform) return takePlatform(frame.payload);
  if (frame.kind === FRAME.load) return load(frame);
  if (slot === undefined) return;
  if (frame.kind === FRAME.dispose) {
    slot.dispose();
    slots.delete(frame.slot);
    return;
  }
  if (frame.kind === FRAME.warm) return slot.warm(scriptsOf(frame.payload));
  slot.push(frame.kind, frame.id, frame.payload);
  touched.add(slot);
}

function takePlatform(payload: Buffer): void {
  const blocks = unpackBlocks(payload);
  const scripts = blocks.flatMap((name, at) =>
    at % 3 === 0 ? [script(String(name), blocks[at + 1], blocks[at + 2])] : [],
  );
  platform = platformOf(scripts);
  warm = createSlot(LIMITS.memoryMiB);
  writer.send(FRAME.hello, 0, 0);
}

function load({ slot: number, id, payload }: Frame): void {
  const [head, ...blocks] = unpackBlocks(payload);
  const header = JSON.parse(String(head)) as LoadHeader;
  const useWarm = header.memoryMiB === LIMITS.memoryMiB && warm !== undefined;
  const slot = useWarm && warm !== undefined ? warm : createSlot(header.memoryMiB);
  if (useWarm) warm = undefined;
  const scripts = header.scripts.map(({ name, role }, index) => ({
    ...script(name, blocks[index * 2], blocks[index * 2 + 1]),
    role,
  }));
  const end = slot.start(powersOf(number), { ...header, scripts });
  if (end.end === 'ok') {
    slots.set(number, slot);
    writer.send(FRAME.loaded, number, id);
  } else {
    writer.send(FRAME.loadFailed, number, id, JSON.stringify(end));
  }
  // The next start finds a fresh isolate; made only after the answer has left.
  setImmediate(() => {
    warm ??= createSlot(LIMITS.memoryMiB);
  });
}

/** In a function of its own: what lives as long as the slot must not hold the frame that it came in. */
function powersOf(slot: number): SlotPowers {
  const { ask, serve } = createCellServices();
  return { write: (kind, id, bytes) => writer.send(kind, slot, id, bytes), ask, serve };
}

/** Name and code of each, one after the other. */
function scriptsOf(payload: Buffer): Script[] {
  const blocks = unpackBlocks(payload);
  return blocks.flatMap((name, at) =>
    at % 2 === 0 ? [script(String(name), blocks[at + 1], undefined)] : [],
  );
}

function createSlot(memoryMiB: number): Slot {
  if (platform === undefined) throw new Error('The platform script must arrive before any load');
  return new Slot(driver, platform, memoryMiB);
}

function script(name: string, code: Buffer | undefined, cache: Buffer | undefined): Script {
  const text = code?.toString('utf8') ?? '';
  if (cache === undefined || cache.length === 0) return { name, code: text };
  // Views into the read buffer do not outlive the frame.
  return { name, code: text, cachedData: new Uint8Array(cache).buffer };
}
