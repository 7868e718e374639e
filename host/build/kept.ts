// What is made of the product's own files is kept between starts, beside the packages: children may read
// that folder and none may write there. Taken only while every file that it was made of is what it was.

import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { LIMITS } from '../limits.ts';
import { packBlocks, unpackBlocks } from '../protocol.ts';
import type { OwnBuild } from './build.ts';

/** Where an own build is kept. */
export type KeptPowers = {
  /** The product's folder; inputs are relative to it */
  readonly root: string;
  readonly file: string;
  readonly nowMs: () => number;
  /** Told why a kept build cannot be read, or one not be kept: both are as if nothing had been there. */
  readonly onError: (error: unknown) => void;
};

type Head = {
  readonly inputs: readonly string[];
  /** SHA-256, hex, over the engine, the product's place and all inputs, name and content */
  readonly key: string;
  /** SHA-256, hex, of the payload */
  readonly hash: string;
};

/** V8 takes a code cache of its own version and machine only. */
const ENGINE = [process.version, process.versions.v8, process.platform, process.arch];

/** Milliseconds by which the clock of a file system may lag. */
const CLOCK_STEP_MS = 20;

/** The payload that is kept, or else what `make` gives, which is kept from now on. */
export async function keepOwn(powers: KeptPowers, make: () => Promise<OwnBuild>): Promise<Buffer> {
  const { root, file, nowMs, onError } = powers;
  try {
    const kept = readKept(root, file);
    if (kept !== undefined) return kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(error);
  }
  const startedMs = nowMs();
  const built = await make();
  try {
    if (!hasChangedSince(startedMs - CLOCK_STEP_MS, root, built.inputs)) {
      writeKept(root, file, built);
    }
  } catch (error) {
    onError(error);
  }
  return built.payload;
}

/** @throws {Error} When there is none, or it is no whole file of this user's own */
function readKept(root: string, file: string): Buffer | undefined {
  const [headBytes, payload] = unpackBlocks(readPrivate(file));
  const { inputs, key, hash } = JSON.parse(String(headBytes)) as Head;
  if (payload === undefined || hash !== sha256(payload)) throw new Error(`${file} is damaged`);
  return key === keyOf(root, inputs) ? payload : undefined;
}

/** Reads a file that only this user, or root, can have written. */
function readPrivate(file: string): Buffer {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    const owners = [0, process.geteuid?.() ?? stat.uid];
    if (!stat.isFile() || stat.size > LIMITS.ownBuildBytes) throw new Error(`${file} is not ours`);
    if (!owners.includes(stat.uid) || (stat.mode & 0o022) !== 0) {
      throw new Error(`${file} may have been written by others`);
    }
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeKept(root: string, file: string, { payload, inputs }: OwnBuild): void {
  const head: Head = { inputs, key: keyOf(root, inputs), hash: sha256(payload) };
  mkdirSync(dirname(file), { recursive: true });
  // Whoever reads meanwhile has the one before or this one, whole.
  const half = `${file}.${randomUUID()}`;
  try {
    writeFileSync(half, packBlocks([JSON.stringify(head), payload]), { flag: 'wx', mode: 0o600 });
    renameSync(half, file);
  } catch (error) {
    rmSync(half, { force: true });
    throw error;
  }
}

/** A file that changed during the build may differ from what went in. */
function hasChangedSince(sinceMs: number, root: string, inputs: readonly string[]): boolean {
  return inputs.some((input) => statSync(join(root, input)).ctimeMs >= sinceMs);
}

function keyOf(root: string, inputs: readonly string[]): string {
  const hashes = inputs.map((input) => [input, sha256(readFileSync(join(root, input)))]);
  return sha256(JSON.stringify([ENGINE, root, hashes]));
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
