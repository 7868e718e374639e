// The host's side of the builder process: asks for builds, kills a process that takes too long or sends what
// is none. The next request starts another one, and a build that was lost with it is tried once more, alone.

import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { FrameReader, FrameWriter } from '../protocol.ts';
import type { BuildResult, Builder, Problem } from './build.ts';
import { BUILDER_FRAME, unpackOwn, unpackResult } from './messages.ts';
import type { BuildRequest } from './messages.ts';

/** What the host's side needs. */
export type BuilderPowers = {
  /** Starts a jailed child whose fd 3 is a stream. */
  readonly spawnBuilder: () => Promise<ChildProcess>;
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
/** It took too long itself; any other end may have been another build's doing. */
class BuildTooSlow extends BuilderGone {}

/** Makes the builder of a host. */
export function createBuilder(powers: BuilderPowers): Builder {
  const workers = createWorkers(powers.spawnBuilder);
  const queues = new Map<string, Promise<unknown>>();
  const askForBuild = createBuilds(workers);

  const build = async (folder: string, known?: string): Promise<BuildResult | undefined> => {
    try {
      const request: BuildRequest = {
        ...{ folder, modules: powers.modulesFor(folder) },
        ...(known === undefined ? {} : { known }),
      };
      return await askForBuild(request);
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
    async buildOwn(name) {
      return unpackOwn(await askWorker(await workers.current(), BUILDER_FRAME.own, name));
    },
    forget(folder) {
      const request: BuildRequest = { folder, modules: [] };
      workers.tell(BUILDER_FRAME.forget, JSON.stringify(request));
    },
    [Symbol.asyncDispose]: () => workers.stop(),
  };
}

type AskForBuild = (request: BuildRequest) => Promise<BuildResult | undefined>;

/** Asks for builds; rejects with `BuilderGone` when a process has ended over one. */
function createBuilds(workers: Workers): AskForBuild {
  let alone: Promise<unknown> = Promise.resolve();

  /** What was lost with a process that others shared is asked of one of its own: one of them at a time. */
  const askAlone = (body: string): Promise<Buffer> => {
    const run = async (): Promise<Buffer> => {
      const worker = await workers.extra();
      try {
        return await askWorker(worker, BUILDER_FRAME.build, body);
      } finally {
        worker.child.kill('SIGKILL');
      }
    };
    const turn = alone.then(run, run);
    alone = turn;
    return turn;
  };

  const ask = async (body: string): Promise<Buffer> => {
    try {
      return await askWorker(await workers.current(), BUILDER_FRAME.build, body);
    } catch (error) {
      if (!(error instanceof BuilderGone) || error instanceof BuildTooSlow) throw error;
      return askAlone(body);
    }
  };

  return async (request) => {
    const payload = await ask(JSON.stringify(request));
    try {
      return unpackResult(payload);
    } catch (error) {
      throw new BuilderGone('sent no result', { cause: error });
    }
  };
}

type Workers = {
  /** The one that lives; started when there is none. @throws {HostError} `HOST_DRAINING` */
  current(): Promise<Worker>;
  /** One beside it, which the caller ends. @throws {HostError} `HOST_DRAINING` */
  extra(): Promise<Worker>;
  /** Sends what needs no answer to the one that lives. */
  tell(kind: number, body: string): void;
  stop(): Promise<void>;
};

function createWorkers(spawnBuilder: BuilderPowers['spawnBuilder']): Workers {
  const living = new Set<ChildProcess>();
  let worker: Promise<Worker> | undefined;
  let stopped = false;
  const start = async (onGone: () => void): Promise<Worker> => {
    if (stopped) throw new HostError('HOST_DRAINING', 'The host is shutting down');
    const child = await spawnBuilder();
    if (stopped) child.kill('SIGKILL');
    living.add(child);
    return startWorker(child, () => {
      living.delete(child);
      onGone();
    });
  };
  return {
    current() {
      if (worker !== undefined) return worker;
      const forget = (): void => {
        if (worker === starting) worker = undefined;
      };
      const starting = start(forget);
      // Whoever asked is told; the next one starts another.
      starting.catch(forget);
      worker = starting;
      return starting;
    },
    extra: () => start(() => undefined),
    tell(kind, body) {
      // One that did not start has nothing to be told.
      const quiet = (): void => undefined;
      worker?.then(({ writer }) => writer.send(kind, 0, 0, body)).catch(quiet);
    },
    async stop() {
      stopped = true;
      await worker?.catch(() => undefined);
      for (const child of living) child.kill('SIGKILL');
    },
  };
}

function startWorker(child: ChildProcess, onGone: () => void): Worker {
  const pipe = child.stdio[3] as Socket;
  const reader = new FrameReader();
  const pending = new Map<number, Pending>();
  const worker = { child, pending, writer: new FrameWriter(pipe) };
  let tail = '';
  const end = (why: string): void => {
    onGone();
    for (const { reject } of pending.values()) reject(new BuilderGone(why));
    pending.clear();
  };
  pipe.on('data', (bytes: Buffer) => {
    try {
      for (const { id, payload } of reader.push(bytes)) {
        pending.get(id)?.resolve(Buffer.from(payload));
        pending.delete(id);
      }
    } catch (error) {
      // It has read strangers' code: what it sends can be anything.
      tail = error instanceof Error ? error.message : 'sent no frame';
      child.kill('SIGKILL');
      pipe.destroy();
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
    reject(new BuildTooSlow(`took over ${LIMITS.buildMs} ms`));
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
