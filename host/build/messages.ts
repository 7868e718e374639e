// Messages between the host and a builder process, packed so that code travels as bytes, not as JSON.

import { packBlocks, unpackBlocks } from '../protocol.ts';
import type {
  BuildResult,
  Bundle,
  BundlePart,
  OwnBuild,
  PageAssets,
  Platform,
  PlatformScript,
  Problem,
} from './build.ts';

/** Kinds of frame on a builder's pipe; a reply repeats the request's id. */
export const BUILDER_FRAME = { own: 1, build: 2, forget: 3, ping: 8 } as const;

/** What a build needs to know; paths are absolute. */
export type BuildRequest = {
  readonly folder: string;
  readonly modules: readonly string[];
  /** `source` of a bundle that need not be made again */
  readonly known?: string;
};

type PartHead = Omit<BundlePart, 'code' | 'cachedData' | 'sourceMap'>;
type Head =
  | ({ ok: true; wallMs: number; parts: PartHead[] } & Omit<Bundle, 'parts' | 'source'> & {
        readonly source?: string;
      })
  | { ok: false; problems: readonly Problem[] };

/** Packs how a build ended; undefined: there was nothing to do. */
export function packResult(result: BuildResult | undefined): Buffer {
  if (result === undefined) return Buffer.alloc(0);
  if (!result.ok) return packBlocks([JSON.stringify(result)]);
  const { parts, ...bundle } = result.bundle;
  const heads = parts.map(({ role, hash, ranOn }) => ({
    ...{ role, hash },
    ...(ranOn === undefined ? {} : { ranOn }),
  }));
  const head: Head = { ok: true, ...bundle, wallMs: result.wallMs, parts: heads };
  const blocks = parts.flatMap(({ code, cachedData, sourceMap }) => [
    code,
    cachedData ?? '',
    sourceMap ?? '',
  ]);
  return packBlocks([JSON.stringify(head), ...blocks]);
}

/** Undoes `packResult`; nothing of it refers to the payload afterwards. */
export function unpackResult(payload: Buffer): BuildResult | undefined {
  if (payload.length === 0) return undefined;
  const [headBytes, ...blocks] = unpackBlocks(payload);
  const head = JSON.parse(String(headBytes)) as Head;
  if (!head.ok) return head;
  const parts = head.parts.map((part, index): BundlePart => {
    const [code, cache, map] = blocks.slice(index * 3, index * 3 + 3);
    return {
      ...part,
      code: String(code),
      ...(cache === undefined || cache.length === 0 ? {} : { cachedData: Buffer.from(cache) }),
      ...(map === undefined || map.length === 0 ? {} : { sourceMap: String(map) }),
    };
  });
  // One that was stored by an earlier version names no source: it is made again.
  const { hash, inputs, wallMs, source = '' } = head;
  return { ok: true, wallMs, bundle: { hash, inputs, source, parts } };
}

/** Packs what was made of the product's own files. */
export function packOwn({ payload, inputs }: OwnBuild): Buffer {
  return packBlocks([JSON.stringify(inputs), payload]);
}

/** Undoes `packOwn`. */
export function unpackOwn(bytes: Buffer): OwnBuild {
  const [inputs, payload] = unpackBlocks(bytes);
  return {
    payload: Buffer.from(payload ?? []),
    inputs: JSON.parse(String(inputs)) as readonly string[],
  };
}

/** Packs what a cell is greeted with: name, code and cache of each script, one after the other. */
export function packGreeting(scripts: readonly PlatformScript[]): Buffer {
  return packBlocks(scripts.flatMap(({ name, code, cachedData }) => [name, code, cachedData]));
}

/** Packs the platform. */
export function packPlatform({ greeting, cell, builder }: Platform): Buffer {
  return packBlocks([greeting, cell, builder]);
}

/** Undoes `packPlatform`. */
export function unpackPlatform(payload: Buffer): Platform {
  const [greeting = Buffer.alloc(0), cell, builder] = unpackBlocks(payload);
  return { greeting, cell: String(cell), builder: String(builder) };
}

/** Packs the scripts and the sheet of the pages. */
export function packPages({ console, docs, style }: PageAssets): Buffer {
  return packBlocks([console, docs, style]);
}

/** Undoes `packPages`. */
export function unpackPages(payload: Buffer): PageAssets {
  const [console, docs, style] = unpackBlocks(payload).map(String);
  return { console: console ?? '', docs: docs ?? '', style: style ?? '' };
}
