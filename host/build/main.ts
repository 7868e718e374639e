// The builder: a child process that compiles folders and runs nothing of them. Reads requests on fd 3.
// It may read extension folders and packages; it has no environment and no network.

import { Socket } from 'node:net';

import { LIMITS } from '../limits.ts';
import { FrameReader, FrameWriter } from '../protocol.ts';
import type { Frame } from '../protocol.ts';
import type { OwnName } from './build.ts';
import { FolderBuild } from './bundle.ts';
import { BUILDER_FRAME, packOwn, packResult } from './messages.ts';
import type { BuildRequest } from './messages.ts';
import { buildOwn } from './own.ts';

const pipe = new Socket({ fd: 3, readable: true, writable: true });
const writer = new FrameWriter(pipe);
const reader = new FrameReader();
// In order of last use: what was built longest ago is dropped first.
const folders = new Map<string, FolderBuild>();

pipe.on('data', (bytes: Buffer) => {
  for (const frame of reader.push(bytes)) void handle(frame);
});
// The host is gone: nothing here may outlive it.
pipe.on('close', () => process.kill(process.pid, 'SIGKILL'));

async function handle({ kind, id, payload }: Frame): Promise<void> {
  if (kind === BUILDER_FRAME.own) {
    const built = await buildOwn(payload.toString('utf8') as OwnName);
    return writer.send(BUILDER_FRAME.own, 0, id, packOwn(built));
  }
  const request = JSON.parse(payload.toString('utf8')) as BuildRequest;
  if (kind === BUILDER_FRAME.forget) return drop(request.folder);
  const build = folders.get(request.folder) ?? new FolderBuild(request.folder, request.modules);
  folders.delete(request.folder);
  folders.set(request.folder, build);
  for (const oldest of folders.keys()) {
    if (folders.size <= LIMITS.keptBuilds) break;
    drop(oldest);
  }
  writer.send(BUILDER_FRAME.build, 0, id, packResult(await build.build(request.known)));
}

function drop(folder: string): void {
  const build = folders.get(folder);
  folders.delete(folder);
  void build?.dispose();
}
