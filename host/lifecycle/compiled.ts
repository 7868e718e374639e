// One compiled extension: its bundle, what it says of itself, and how to read its stacks.

import { SourceMap } from 'node:module';

import type { Bundle, BundlePart } from '../build/build.ts';
import type { LoadSpec } from '../cells/cell.ts';
import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Manifest } from '../../sdk/manifest.ts';

/** JSON Schema of one config field, as far as the host reads it. */
export type FieldSchema = {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly title?: string;
  readonly label?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly (string | number)[];
  readonly const?: unknown;
  readonly anyOf?: readonly FieldSchema[];
  readonly items?: FieldSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly secret?: boolean;
  /** How a secret spells the bytes of a key; without it the text itself. */
  readonly key?: 'base64';
  readonly startsWith?: string | readonly string[];
  readonly multiline?: boolean;
  readonly widget?: string;
  /** The field says which certificate this instance trusts besides the system's roots. */
  readonly tls?: 'fingerprint' | 'ca';
  readonly options?: readonly { readonly value: string | number; readonly label: string }[];
};

/** What an extension says of itself, read in an isolate without capabilities. */
export type Description = {
  readonly category: string | null;
  readonly handlers: readonly string[];
  readonly actions: readonly { readonly name: string }[];
  readonly config: {
    readonly properties?: Readonly<Record<string, FieldSchema>>;
    readonly required?: readonly string[];
  } | null;
};

/** A bundle with its manifest and description. */
export type Compiled = {
  readonly bundle: Bundle;
  readonly manifest: Manifest;
  readonly description: Description;
  /** ISO 8601 UTC */
  readonly at: string;
};

type Built = Pick<Compiled, 'bundle' | 'manifest'>;

/** Whether two are one generation: how well it is cached makes no difference. */
export function isSameGeneration(a: Built, b: Built): boolean {
  return (
    a.bundle.hash === b.bundle.hash && JSON.stringify(a.manifest) === JSON.stringify(b.manifest)
  );
}

/** The scripts of a bundle in loading order. */
export function loadScripts(bundle: Bundle): LoadSpec['scripts'] {
  return bundle.parts.map(({ role, code, cachedData }) => ({
    name: `${role}.js`,
    role,
    code,
    ...(cachedData === undefined ? {} : { cachedData }),
  }));
}

/** The parts with those code caches that other parts of the same content have and they lack. */
export function withCaches(bundle: Bundle, engine: string, known: readonly BundlePart[]): Bundle {
  const warm = new Map(
    known.flatMap((part) => (part.ranOn === engine ? [[part.hash, part] as const] : [])),
  );
  const parts = bundle.parts.map((part) => {
    const { cachedData, ranOn } = warm.get(part.hash) ?? {};
    if (part.ranOn === engine || cachedData === undefined || ranOn === undefined) return part;
    return { ...part, cachedData, ranOn };
  });
  return { ...bundle, parts };
}

/** The same with the caches that its isolate made after some calls, in the order of the parts. */
export function withOwnCaches(
  bundle: Bundle,
  engine: string,
  caches: readonly Uint8Array[],
): Bundle {
  const parts = bundle.parts.map((part, at) => {
    const cachedData = caches[at];
    return cachedData === undefined || cachedData.length === 0
      ? part
      : { ...part, cachedData, ranOn: engine };
  });
  return { ...bundle, parts };
}

/** The limits an isolate gets: the manifest's wishes, capped by the host's own. */
export function decideLimits(manifest: Manifest): {
  cpuMs: number;
  memoryMiB: number;
  wallMs: number;
} {
  const wish = manifest.limits ?? {};
  return {
    cpuMs: Math.min(wish.cpuMs ?? LIMITS.cpuMs, LIMITS.cpuMsMax),
    memoryMiB: Math.min(wish.memoryMiB ?? LIMITS.memoryMiB, LIMITS.memoryMiBMax),
    wallMs: Math.min(wish.wallMs ?? LIMITS.wallMs, LIMITS.wallMsMax),
  };
}

/**
 * Makes the function that rewrites guest stacks: only frames of the author's own files stay, with the
 * positions of those files. Platform and dependency frames are dropped.
 */
export function createStackMapper(bundle: Bundle): (stack: string) => string {
  const part = bundle.parts.find(({ role }) => role === 'extension');
  return (stack) => {
    if (part?.sourceMap === undefined || !stack.includes('extension.js:')) return dropFrames(stack);
    const map = maps.get(part) ?? readMap(part.sourceMap);
    maps.set(part, map);
    const lines = stack.split('\n').map((line) => mapLine(line, map));
    return lines.filter((line) => line !== '').join('\n');
  };
}

/** Maps that were read: they take much more than their text, and all instances need the same one. */
const maps = new WeakMap<BundlePart, SourceMap>();

function readMap(text: string): SourceMap {
  return new SourceMap(JSON.parse(text) as ConstructorParameters<typeof SourceMap>[0]);
}

const FRAME_LINE = /^\s+at /;
const OWN_FRAME = /^(\s+at .*?\(?)extension\.js:(\d+):(\d+)(\)?)$/;

function dropFrames(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => !FRAME_LINE.test(line))
    .join('\n');
}

function mapLine(line: string, map: SourceMap): string {
  const [matched, before = '', row = '', column = '', after = ''] = OWN_FRAME.exec(line) ?? [];
  if (matched === undefined) return FRAME_LINE.test(line) ? '' : line;
  const entry = map.findEntry(Number(row) - 1, Number(column) - 1);
  if (!('originalSource' in entry)) return '';
  // A colon stands in the names of modules that are not the author's files.
  if (entry.originalSource.includes(':')) return '';
  return `${before}${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}${after}`;
}

/** A description as the guest sent it, checked field by field: it is a stranger's text. */
export function parseDescription(text: string, category: string): Description {
  const raw = JSON.parse(text) as Partial<Description>;
  if (raw.category !== category) {
    const singular = category.slice(0, -1);
    const maker = `define${singular.charAt(0).toUpperCase()}${singular.slice(1)}`;
    throw new HostError(
      'EXTENSION_LOAD_FAILED',
      `extension.ts must default-export ${maker}(…) to be of category "${category}": it is "${String(raw.category)}"`,
    );
  }
  const names = (value: unknown): string[] =>
    Array.isArray(value)
      ? value.filter((name): name is string => typeof name === 'string').slice(0, 500)
      : [];
  const actions = Array.isArray(raw.actions) ? raw.actions.slice(0, 200) : [];
  return { category, handlers: names(raw.handlers), actions, config: raw.config ?? null };
}
