// The host's side of the builder process, against children that fail in every way. The pipe is faked.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';

import { createBuilder } from '../../../host/build/builder.ts';
import { packResult } from '../../../host/build/messages.ts';
import type { BuildRequest } from '../../../host/build/messages.ts';
import type { BuildResult, Builder } from '../../../host/build/build.ts';
import { LIMITS } from '../../../host/limits.ts';
import { FrameReader } from '../../../host/protocol.ts';
import { frame } from '../../helpers/fake-cell.ts';

/** What a child does about a build: bytes for its pipe, or nothing and it ends. */
type Answer = (id: number, folder: string) => Buffer | undefined;

const built = (hash: string): BuildResult => ({
  ok: true,
  wallMs: 1,
  bundle: { hash, parts: [], inputs: [], source: '' },
});
const good: Answer = (id, folder) => frame(2, 0, id, packResult(built(folder)));

function startChild(answer: Answer): ChildProcess {
  const reader = new FrameReader();
  const child = Object.assign(new EventEmitter(), { stdout: null, stderr: null });
  const end = (signal: string): boolean =>
    setImmediate(() => child.emit('exit', null, signal)) && true;
  const pipe = new Duplex({
    read: () => undefined,
    write(bytes: Buffer, _encoding, done) {
      for (const { id, payload } of reader.push(bytes)) {
        const { folder } = JSON.parse(payload.toString()) as BuildRequest;
        const said = answer(id, folder);
        if (said === undefined) end('SIGSEGV');
        else setImmediate(() => pipe.emit('data', said));
      }
      done();
    },
  });
  const process = { stdio: [null, null, null, pipe], kill: () => end('SIGKILL') };
  return Object.assign(child, process) as unknown as ChildProcess;
}

/** A builder whose children are these, one after the other; a good one comes after the last. */
function builderOf(...answers: Answer[]): Builder {
  return createBuilder({
    spawnBuilder: async () => startChild(answers.shift() ?? good),
    modulesFor: () => [],
  });
}

const messageOf = (result: BuildResult): string =>
  result.ok ? 'built' : (result.problems[0]?.message ?? '');

const noFrame: Answer = () => {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(LIMITS.frameBytes + 1);
  return head;
};
const noResult: Answer = (id) => frame(2, 0, id, 'no blocks');

describe('a builder process that fails', { timeout: 20_000 }, () => {
  it('is ended when it sends what is no frame, and the host goes on', async () => {
    await using builder = builderOf(noFrame, noFrame);
    assert.match(messageOf(await builder.build('/a')), /ended with SIGKILL Frame of \d+ bytes/);
    assert.equal(messageOf(await builder.build('/b')), 'built');
  });

  it('fails the build of which it sends what is no result', async () => {
    await using builder = builderOf(noResult);
    assert.match(messageOf(await builder.build('/a')), /the builder sent no result/);
  });

  it('fails the build that ends it twice, and none that was only beside it', async () => {
    const poisoned: Answer = (id, folder) => (folder === '/poison' ? undefined : good(id, folder));
    const busy: Answer = (id, folder) =>
      folder === '/poison' ? undefined : frame(2, 0, id + 1_000);
    await using builder = builderOf(busy, poisoned, poisoned, poisoned);
    const results = await Promise.all(
      ['/one', '/poison', '/two'].map((folder) => builder.build(folder)),
    );
    assert.deepEqual(results.map(messageOf), [
      'built',
      'The build was ended: the builder ended with SIGSEGV ',
      'built',
    ]);
  });
});
