// The esbuild plugin that keeps a build inside one folder: every import is resolved here, in virtual
// namespaces, and every file comes from the snapshot or from a named package. Disk loading is refused.

import { builtinModules } from 'node:module';
import { posix } from 'node:path';

import type {
  ImportKind as EsbuildKind,
  Loader,
  OnResolveResult,
  PartialMessage,
  Plugin,
} from 'esbuild';

import * as sdk from '../guest/sdk.ts';
import { readFile } from './packages.ts';
import type { ImportKind, PackageFile, Packages, Resolved } from './packages.ts';
import { FolderError } from './snapshot.ts';
import type { Snapshot } from './snapshot.ts';

/** The namespace of the author's own files. */
export const OWN = 'ext';
/** The namespace of files of npm packages. */
export const NPM = 'npm';
/** Modules that a bundle asks the platform for. */
export const PLATFORM_MODULES = ['cofferdam:sdk', 'cofferdam:schema'] as const;

/** The one function a bundle gets besides its module object: it hands out the SDK and the packages. */
export const PLATFORM_REQUIRE = 'cofferdamRequire';

/** The half of the SDK that needs zod; named here, because reading it off would load zod into the builder. */
export const SCHEMA_NAMES = [
  ...['fingerprint', 'flag', 'hostName', 'panelAddress', 'panelHost', 'panelPort', 'secret'],
  ...['whole', 'z'],
] as const;

// Named one by one, so that a bundle asks only for the half of the SDK that it uses: zod is large.
const SDK_SHIM = `
export { ${Object.keys(sdk).join(', ')} } from 'cofferdam:sdk';
export { ${SCHEMA_NAMES.join(', ')} } from 'cofferdam:schema';
`;
const BUILTINS = new Set(builtinModules.map((name) => name.replace(/^node:/, '')));

const LOADERS: Readonly<Record<string, Loader>> = {
  ts: 'ts',
  mts: 'ts',
  cts: 'ts',
  tsx: 'tsx',
  js: 'js',
  mjs: 'js',
  cjs: 'js',
  jsx: 'jsx',
  json: 'json',
  txt: 'text',
  md: 'text',
  html: 'text',
  css: 'text',
  svg: 'text',
};

/** What to use instead of a Node module that authors often reach for. */
const INSTEAD: Readonly<Record<string, string>> = {
  crypto: 'use the global "crypto" (getRandomValues, randomUUID, subtle)',
  http: 'use ctx.fetch',
  https: 'use ctx.fetch',
  http2: 'use ctx.fetch',
  net: 'use ctx.fetch',
  tls: 'use ctx.fetch',
  dgram: 'use ctx.fetch',
  dns: 'use ctx.fetch',
  undici: 'use ctx.fetch',
  fs: 'use ctx.storage',
  'fs/promises': 'use ctx.storage',
  sqlite: 'use ctx.storage',
  process: 'use ctx.config for settings',
  os: 'use ctx.config for settings',
  buffer: 'use Uint8Array with toBase64 and fromBase64',
  url: 'use the globals URL and URLSearchParams',
  util: 'use structuredClone, TextEncoder and TextDecoder',
  timers: 'use the global setTimeout',
  'timers/promises': 'use the global setTimeout',
  events: 'use the global EventTarget',
  stream: 'use the global ReadableStream',
  'stream/web': 'use the global ReadableStream',
  console: 'use ctx.log',
};

/** What a plugin works on; `snapshot` and `packages` change with every build. */
export type ConfinedBuild = {
  snapshot: Snapshot;
  packages: Packages;
  /** Packages named in the extension's package.json. */
  dependencies: ReadonlySet<string>;
  /** Specifiers of packages that the author's code imports, filled by a build of `own`. */
  readonly imported: Set<string>;
};

/** Resolves the author's own files; packages stay outside as `require(specifier)`. */
export function confineOwn(build: ConfinedBuild): Plugin {
  return {
    name: 'confine-own',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /.*/ }, ({ path, importer, kind, with: attributes }) =>
        guarded(() => {
          if (kind === 'entry-point') return { path, namespace: OWN };
          const attribute = Object.entries(attributes).find(
            ([key, value]) => key !== 'type' || !['json', 'text'].includes(value),
          );
          if (attribute !== undefined) {
            return refused(`Import attribute "${attribute.join(': ')}" is not supported here`);
          }
          return resolveOwn(build, path, importer, kind);
        }),
      );
      onLoad({ filter: /.*/, namespace: 'sdk' }, () => ({ contents: SDK_SHIM, loader: 'js' }));
      onLoad({ filter: /.*/, namespace: 'platform' }, ({ path }) => ({
        contents: `module.exports = ${PLATFORM_REQUIRE}(${JSON.stringify(path)});`,
        loader: 'js',
      }));
      onLoad({ filter: /.*/, namespace: OWN }, ({ path, with: attributes }) => {
        const file = build.snapshot.get(path);
        if (file === undefined) return refused(`File "${path}" does not exist`);
        const known = attributes['type'] === 'text' ? 'text' : LOADERS[extensionOf(path)];
        const loader = known ?? 'text';
        // Editors cut a file off before they write it; what is taken from it would be undefined.
        if (file.bytes.length === 0 && loader !== 'text') return refused(`File "${path}" is empty`);
        return { contents: withoutMap(file.bytes), loader };
      });
      refuseDisk(onLoad);
    },
  };
}

/** A file that says where its own source map is, and would have esbuild read that from anywhere, says so no more. */
function withoutMap(bytes: Buffer): Buffer {
  if (!bytes.includes('sourceMappingURL=')) return bytes;
  return Buffer.from(
    bytes.toString('latin1').replaceAll(MAP_ELSEWHERE, '$1sourceMappingUrl='),
    'latin1',
  );
}

/** One inside of the file itself stays: nothing is read for it. */
const MAP_ELSEWHERE = /([#@] )sourceMappingURL=(?!data:)/g;

/** Resolves the files of npm packages, starting from a virtual entry that requires `specifiers`. */
export function confinePackages(build: ConfinedBuild, specifiers: readonly string[]): Plugin {
  return {
    name: 'confine-packages',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /.*/ }, ({ path, kind, namespace, pluginData }) =>
        guarded(async () => {
          if (kind === 'entry-point') return { path, namespace: 'entry' };
          const how = importKind(kind);
          if (namespace === 'entry') return placed(await build.packages.resolveOwn(path, how));
          const builtin = builtinName(path);
          const from = pluginData as PackageFile;
          try {
            return placed(await build.packages.resolveInner(path, from, how));
          } catch (error) {
            if (!(error instanceof FolderError)) throw error;
            // Guarded requires of Node modules and of optional packages are common; the throw comes when
            // one really runs.
            if (how === 'require' || kind === 'dynamic-import')
              return { path, namespace: 'absent' };
            if (builtin === undefined) throw error;
            throw new FolderError(error.problem.file, nodeModuleText(builtin), { cause: error });
          }
        }),
      );
      onLoad({ filter: /.*/, namespace: 'entry' }, () => ({
        contents: specifiers
          .map((name) => `exports[${JSON.stringify(name)}] = require(${JSON.stringify(name)});`)
          .join('\n'),
        loader: 'js',
      }));
      onLoad({ filter: /.*/, namespace: 'absent' }, ({ path }) => ({
        contents: `throw new Error(${JSON.stringify(`Module "${path}" does not exist in the sandbox`)});`,
        loader: 'js',
      }));
      onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: '', loader: 'js' }));
      onLoad({ filter: /.*/, namespace: NPM }, ({ path: name, pluginData }) =>
        guarded(async () => ({
          contents: withBuffer(await readFile((pluginData as PackageFile).path, name), name),
          loader: name.endsWith('.json') ? 'json' : 'js',
          pluginData: pluginData as unknown,
        })),
      );
      refuseDisk(onLoad);
    },
  };
}

/** Gives a file that takes Node's Buffer for granted the one of the platform. */
function withBuffer(text: string, name: string): string {
  if (name.endsWith('.json') || !/\bBuffer\.\w/.test(text)) return text;
  // A file that looks for one goes on without; one that declares its own has it.
  if (/typeof Buffer\b|\.Buffer\b/.test(text) || DECLARES_BUFFER.test(text)) return text;
  return `const { Buffer } = ${PLATFORM_REQUIRE}("cofferdam:buffer"); ${text}`;
}

const DECLARES_BUFFER = /\b(?:import|const|let|var|class|function)\b[^;=(]{0,500}\bBuffer\b/;

function resolveOwn(
  build: ConfinedBuild,
  path: string,
  importer: string,
  kind: EsbuildKind,
): OnResolveResult {
  if ((PLATFORM_MODULES as readonly string[]).includes(path)) {
    return { path, namespace: 'platform', sideEffects: false };
  }
  if (path === 'cofferdam/sdk') return { path, namespace: 'sdk', sideEffects: false };
  if (path.startsWith('cofferdam/')) {
    return refused(`Cannot import "${path}": extensions import "cofferdam/sdk" only`);
  }
  if (path.startsWith('./') || path.startsWith('../') || path === '.' || path === '..') {
    return resolveFile(build.snapshot, path, importer);
  }
  const builtin = builtinName(path);
  if (builtin !== undefined && !build.dependencies.has(builtin)) {
    return refused(nodeModuleText(builtin));
  }
  if (!/^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*(?:\/[\w.@~+/-]+)?$/i.test(path)) {
    return refused(
      `Cannot import "${path.slice(0, 200)}": an extension imports its own files ("./…"), ` +
        'packages of its package.json and "cofferdam/sdk"',
    );
  }
  const name = path.startsWith('@') ? path.split('/').slice(0, 2).join('/') : path.split('/')[0];
  if (name === undefined || !build.dependencies.has(name) || path.includes('..')) {
    return refused(
      `Cannot import "${path}": add it to "dependencies" in the extension's package.json and install it`,
    );
  }
  if (kind === 'dynamic-import') {
    return refused(`Cannot import "${path}" dynamically: use an import statement`);
  }
  build.imported.add(path);
  return { path, namespace: 'platform' };
}

function resolveFile(snapshot: Snapshot, path: string, importer: string): OnResolveResult {
  const wanted = posix.normalize(posix.join(posix.dirname(importer), path));
  if (wanted === '..' || wanted.startsWith('../')) {
    return refused(`Cannot import "${path}": it lies outside the extension's folder`);
  }
  const base = wanted === '.' ? 'index' : wanted;
  const swapped = base.replace(/\.([cm]?)js$/, '.$1ts');
  const candidates = [
    base,
    swapped,
    ...['.ts', '.tsx', '.mts', '.js', '.mjs', '.cjs', '.json'].map((suffix) => base + suffix),
    ...['ts', 'js'].map((suffix) => `${wanted === '.' ? '' : `${wanted}/`}index.${suffix}`),
  ];
  const found = candidates.find((candidate) => snapshot.has(candidate));
  if (found === undefined) return refused(`Cannot find "${path}" in the extension's folder`);
  return { path: found, namespace: OWN };
}

function placed(resolved: Resolved): OnResolveResult {
  if ('empty' in resolved) return { path: 'empty', namespace: 'empty' };
  const effects = resolved.package.manifest['sideEffects'];
  return {
    path: resolved.name,
    namespace: NPM,
    pluginData: resolved,
    ...(effects === false ? { sideEffects: false } : {}),
  };
}

type OnLoad = Parameters<Plugin['setup']>[0]['onLoad'];

function refuseDisk(onLoad: OnLoad): void {
  onLoad({ filter: /.*/ }, () => refused('Reading files outside the extension is not allowed'));
}

function refused(text: string): { errors: PartialMessage[] } {
  return { errors: [{ text }] };
}

async function guarded<T>(run: () => T | Promise<T>): Promise<T | { errors: PartialMessage[] }> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof FolderError) return refused(`${error.problem.file}: ${error.message}`);
    throw error;
  }
}

function importKind(kind: EsbuildKind): ImportKind {
  return kind === 'require-call' || kind === 'require-resolve' ? 'require' : 'import';
}

function builtinName(path: string): string | undefined {
  if (path.startsWith('node:')) return path.slice(5);
  return BUILTINS.has(path) ? path : undefined;
}

function nodeModuleText(name: string): string {
  const instead =
    INSTEAD[name] ?? 'the sandbox offers web-standard APIs and the capabilities in ctx';
  return `Cannot import Node module "${name}": ${instead}`;
}

function extensionOf(path: string): string {
  return posix.extname(path).slice(1);
}
