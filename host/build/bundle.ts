// One extension folder → one bundle: own code and npm packages as two scripts, so that a saved file
// rebuilds only the author's part. Runs in the builder process, once per folder at a time.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { build, context, version as ESBUILD } from 'esbuild';
import type {
  BuildContext,
  BuildOptions,
  BuildResult as EsbuildResult,
  Message,
  Plugin,
} from 'esbuild';

import { LIMITS } from '../limits.ts';
import type { BuildResult, Bundle, BundlePart, Problem } from './build.ts';
import { compileCache } from './code-cache.ts';
import { confineOwn, confinePackages, NPM, OWN, PLATFORM_REQUIRE } from './confine.ts';
import type { ConfinedBuild } from './confine.ts';
import { Packages } from './packages.ts';
import { FolderError, readSnapshot } from './snapshot.ts';
import type { Snapshot } from './snapshot.ts';

const ENTRY = 'extension.ts';

/** What every script is made with. */
export const SCRIPT_OPTIONS = {
  bundle: true,
  write: false,
  platform: 'neutral',
  target: 'esnext',
  // One character beyond Latin-1 doubles what V8 needs for the whole text, in every isolate.
  charset: 'ascii',
  logLevel: 'silent',
  legalComments: 'none',
  tsconfigRaw: '{}',
} as const satisfies BuildOptions;

/**
 * How an extension's scripts are wrapped. The names are long on purpose: code that looks whether it runs
 * under CommonJS (`typeof module`) must find nothing.
 */
export const BUNDLE_OPTIONS = {
  ...SCRIPT_OPTIONS,
  format: 'iife',
  globalName: 'cofferdamExports',
  banner: { js: `(function (cofferdamModule, ${PLATFORM_REQUIRE}) {"use strict";` },
  footer: { js: 'cofferdamModule.exports = cofferdamExports; })' },
} as const satisfies BuildOptions;

/** Tells compilers apart that may make other bundles of the same files: esbuild, and the code of this room. */
const COMPILER = sha256(
  readdirSync(import.meta.dirname)
    .toSorted()
    .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
    .join(ESBUILD),
);

/** A folder and what is kept of it between builds. */
export class FolderBuild {
  readonly #folder: string;
  readonly #tops: readonly string[];
  readonly #confined: ConfinedBuild;
  #own: BuildContext | undefined;
  #ownPart: BundlePart | undefined;
  #dependencies: { readonly key: string; readonly part: BundlePart } | undefined;

  /** @param modules node_modules folders besides the extension's own, in which packages may lie */
  constructor(folder: string, modules: readonly string[]) {
    this.#folder = folder;
    this.#tops = [join(folder, 'node_modules'), ...modules];
    this.#confined = {
      snapshot: new Map(),
      packages: new Packages(this.#tops),
      dependencies: new Set(),
      imported: new Set(),
    };
  }

  /** Builds the folder as it is now; undefined when `known` is the source that it has. */
  async build(known?: string): Promise<BuildResult | undefined> {
    const startedMs = performance.now();
    try {
      const source = await this.#read();
      if (source === known) return undefined;
      const bundle = { ...(await this.#bundle()), source };
      return { ok: true, bundle, wallMs: performance.now() - startedMs };
    } catch (error) {
      return { ok: false, problems: problemsOf(error, this.#confined.snapshot) };
    }
  }

  async dispose(): Promise<void> {
    await this.#own?.dispose();
  }

  /** Reads the files; resolves with what tells their content, and that of the packages, apart. */
  async #read(): Promise<string> {
    const build = this.#confined;
    build.snapshot = await readSnapshot(this.#folder, build.snapshot);
    if (!build.snapshot.has(ENTRY)) throw new FolderError(ENTRY, 'The file does not exist');
    build.dependencies = readDependencies(build.snapshot);
    const files = [...build.snapshot]
      .map(([name, { bytes }]) => [name, sha256(bytes)])
      .toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1));
    const packages = build.dependencies.size === 0 ? '' : await this.#dependencyKey([]);
    return sha256(JSON.stringify([COMPILER, files, packages]));
  }

  async #bundle(): Promise<Omit<Bundle, 'source'>> {
    const build = this.#confined;
    const { part, inputs } = await this.#buildOwn();
    const specifiers = [...build.imported].toSorted();
    const parts =
      specifiers.length === 0 ? [part] : [await this.#buildDependencies(specifiers), part];
    const bytes = parts.reduce((sum, { code }) => sum + Buffer.byteLength(code), 0);
    if (bytes > LIMITS.bundleBytes) {
      throw new FolderError(ENTRY, `The bundle is over ${LIMITS.bundleBytes} bytes`);
    }
    return { hash: sha256(parts.map(({ hash }) => hash).join('\n')), parts, inputs };
  }

  async #buildOwn(): Promise<{ part: BundlePart; inputs: string[] }> {
    this.#confined.imported.clear();
    this.#own ??= await context({
      ...BUNDLE_OPTIONS,
      entryPoints: [ENTRY],
      outfile: 'extension.js',
      absWorkingDir: '/',
      sourcemap: 'external',
      sourcesContent: false,
      metafile: true,
      plugins: [confineOwn(this.#confined)],
    });
    const result = await this.#own.rebuild();
    const { code, map } = outputs(result);
    const inputs = Object.keys(result.metafile?.inputs ?? {})
      .filter((name) => name.startsWith(`${OWN}:`))
      .map((name) => name.slice(OWN.length + 1))
      .toSorted();
    if (this.#ownPart?.code !== code || this.#ownPart.sourceMap !== map) {
      this.#ownPart = createPart('extension', code, map);
    }
    return { part: this.#ownPart, inputs };
  }

  async #buildDependencies(specifiers: readonly string[]): Promise<BundlePart> {
    const key = await this.#dependencyKey(specifiers);
    if (this.#dependencies?.key === key) return this.#dependencies.part;
    this.#confined.packages = new Packages(this.#tops);
    const code = await buildScript({
      minifyWhitespace: true,
      minifySyntax: true,
      define: { 'process.env.NODE_ENV': '"production"' },
      plugins: [confinePackages(this.#confined, specifiers)],
    });
    const part = createPart('dependencies', code);
    this.#dependencies = { key, part };
    return part;
  }

  /** Changes when another set of packages is imported or npm has installed something. */
  async #dependencyKey(specifiers: readonly string[]): Promise<string> {
    const stamps = this.#tops.map(async (top) => {
      const found = await stat(join(top, '.package-lock.json')).catch(() =>
        stat(top).catch(() => null),
      );
      return found === null ? '' : `${found.mtimeMs} ${found.size}`;
    });
    const manifest = this.#confined.snapshot.get('package.json')?.stamp ?? '';
    return [...specifiers, manifest, ...(await Promise.all(stamps))].join('\n');
  }
}

/** Builds one script from a virtual entry. */
export async function buildScript(options: BuildOptions & { plugins: Plugin[] }): Promise<string> {
  const result = await build({
    ...BUNDLE_OPTIONS,
    entryPoints: ['entry'],
    outfile: 'script.js',
    absWorkingDir: '/',
    ...options,
    write: false,
  });
  return outputs(result).code;
}

/** A part with the code cache of our own compile. Compiles only: nothing of it runs here. */
function createPart(role: BundlePart['role'], code: string, sourceMap?: string): BundlePart {
  const cachedData = compileCache(code, `${role}.js`);
  return {
    role,
    hash: sha256(code),
    code,
    ...(cachedData.length > LIMITS.codeCacheBytesMax ? {} : { cachedData }),
    ...(sourceMap === undefined ? {} : { sourceMap }),
  };
}

function outputs({ outputFiles = [] }: EsbuildResult): { code: string; map?: string } {
  const map = outputFiles.find(({ path }) => path.endsWith('.map'))?.text;
  const code = outputFiles.find(({ path }) => path.endsWith('.js'))?.text.trimEnd() ?? '';
  const isKept = map !== undefined && map.length <= LIMITS.sourceMapBytes;
  return isKept ? { code, map: map.replaceAll(`"${OWN}:`, '"') } : { code };
}

function readDependencies(snapshot: Snapshot): ReadonlySet<string> {
  const file = snapshot.get('package.json');
  if (file === undefined) return new Set();
  try {
    const parsed: unknown = JSON.parse(file.bytes.toString('utf8'));
    const dependencies = (parsed as { dependencies?: unknown } | null)?.dependencies;
    return new Set(typeof dependencies === 'object' ? Object.keys(dependencies ?? {}) : []);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new FolderError('package.json', `Not valid JSON: ${error.message}`, { cause: error });
  }
}

/** What went wrong as places in the author's own files; text of other files is never quoted. */
function problemsOf(error: unknown, snapshot: Snapshot): Problem[] {
  if (error instanceof FolderError) return [error.problem];
  const { errors, code } = error as { errors?: readonly Message[]; code?: string };
  if (errors === undefined) {
    // The folder went away or may not be read: the author's matter. Anything else is a bug of ours.
    if (code === undefined) throw error;
    return [{ file: ENTRY, line: 0, column: 0, message: `Cannot read the folder: ${code}` }];
  }
  return errors.slice(0, LIMITS.problems).map(({ text, location }) => {
    const message = text.slice(0, LIMITS.errorMessageChars);
    const file = location?.file ?? '';
    if (location === null || !file.startsWith(`${OWN}:`)) {
      const shown = file.startsWith(`${NPM}:`) ? (/node_modules\/.*$/.exec(file)?.[0] ?? '') : '';
      return { file: shown === '' ? ENTRY : shown, line: 0, column: 0, message };
    }
    const name = file.slice(OWN.length + 1);
    const lineText = snapshot.has(name) ? location.lineText.slice(0, 200) : '';
    return { file: name, line: location.line, column: location.column + 1, message, lineText };
  });
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
