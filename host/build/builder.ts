// The host's side of the builder process: asks for builds, kills a process that takes too long.
// The next request starts another one.

import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { FrameReader, FrameWriter } from '../protocol.ts';
import type { BuildResult, Builder, PageAssets, Platform, Problem } from './build.ts';
import { BUILDER_FRAME, unpackPages, unpackPlatform, unpackResult } from './messages.ts';
import type { BuildRequest } from './messages.ts';

/** What the host's side needs. */
export type BuilderPowers = {
  /** Starts a jailed child whose fd 3 is a stream. */
  readonly spawnBuilder: () => ChildProcess;
  /** node_modules folders that extensions under one of `roots` may use besides their own. */
  readonly modulesFor: (folder: string) => readonly string[];
};

type Pending = {
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: Error) => void;
};
type Worker = {
  readonly child: ChildProcess;
  readonly writer: FrameWriter;
  readonly pending: Map<number, Pending>;
};

class BuilderGone extends Error {}

/** Makes the builder of a host. */
export function createBuilder(powers: BuilderPowers): Builder {
  let worker: Worker | undefined;
  let stopped = false;
  const queues = new Map<string, Promise<unknown>>();

  const ask = async (kind: number, body: string): Promise<Buffer> => {
    if (stopped) throw new HostError('HOST_DRAINING', 'The host is shutting down');
    worker ??= startWorker(powers.spawnBuilder(), (gone) => {
      if (worker === gone) worker = undefined;
    });
    return askWorker(worker, kind, body);
  };

  const build = async (folder: string, known?: string): Promise<BuildResult | undefined> => {
    try {
      const request: BuildRequest = {
        ...{ folder, modules: powers.modulesFor(folder) },
        ...(known === undefined ? {} : { known }),
      };
      return unpackResult(await ask(BUILDER_FRAME.build, JSON.stringify(request)));
    } catch (error) {
      if (!(error instanceof BuilderGone)) throw error;
      return { ok: false, problems: [goneProblem(error)] };
    }
  };

  /** One at a time per folder: a build reads what the last one left. */
  const buildInTurn: typeof build = (folder, known) => {
    const run = (): ReturnType<typeof build> => build(folder, known);
    const turn = (queues.get(folder) ?? Promise.resolve()).then(run, run);
    queues.set(folder, turn);
    const clear = (): void => {
      if (queues.get(folder) === turn) queues.delete(folder);
    };
    turn.then(clear, clear);
    return turn;
  };

  return {
    async build(folder) {
      const result = await buildInTurn(folder);
      if (result === undefined) throw new Error('The builder left a build out that was asked for');
      return result;
    },
    buildUnless: buildInTurn,
    async buildPlatform(): Promise<Platform> {
      return unpackPlatform(await ask(BUILDER_FRAME.platform, ''));
    },
    async buildPages(): Promise<PageAssets> {
      return unpackPages(await ask(BUILDER_FRAME.pages, ''));
    },
    forget(folder) {
      worker?.writer.send(BUILDER_FRAME.forget, 0, 0, JSON.stringify({ folder, modules: [] }));
    },
    async [Symbol.asyncDispose]() {
      stopped = true;
      worker?.child.kill('SIGKILL');
    },
  };
}

function startWorker(child: ChildProcess, onGone: (worker: Worker) => void): Worker {
  const pipe = child.stdio[3] as Socket;
  const reader = new FrameReader();
  const pending = new Map<number, Pending>();
  const worker = { child, pending, writer: new FrameWriter(pipe) };
  let tail = '';
  const end = (why: string): void => {
    onGone(worker);
    for (const { reject } of pending.values()) reject(new BuilderGone(why));
    pending.clear();
  };
  pipe.on('data', (bytes: Buffer) => {
    for (const { id, payload } of reader.push(bytes)) {
      pending.get(id)?.resolve(Buffer.from(payload));
      pending.delete(id);
    }
  });
  // Its end is reported by `exit`; a broken pipe alone says nothing more.
  pipe.on('error', () => child.kill('SIGKILL'));
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-2_000);
    });
  }
  child.once('error', (error) => end(error.message));
  child.once('exit', (code, signal) => end(`ended with ${signal ?? `code ${code}`} ${tail}`));
  return worker;
}

let nextId = 1;

function askWorker(worker: Worker, kind: number, body: string): Promise<Buffer> {
  const id = nextId;
  nextId = (nextId % 0xffff_fffe) + 1;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const timer = setTimeout(() => {
    worker.child.kill('SIGKILL');
    reject(new BuilderGone(`took over ${LIMITS.buildMs} ms`));
  }, LIMITS.buildMs);
  worker.pending.set(id, { resolve, reject });
  worker.writer.send(kind, 0, id, body);
  return promise.finally(() => clearTimeout(timer));
}

function goneProblem(error: BuilderGone): Problem {
  return {
    file: 'extension.ts',
    line: 0,
    column: 0,
    message: `The build was ended: the builder ${error.message.split('\n')[0]?.slice(0, 300)}`,
    remedy: 'Import less, or split what is very large',
  };
}

/** The entry file of the builder process. */
export const BUILDER_MAIN = join(import.meta.dirname, 'main.ts');
