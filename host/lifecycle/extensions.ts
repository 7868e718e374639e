// Extensions and their generations: folder → bundle → description, kept by content. Each extension is
// compiled when it is first needed and again when its folder has changed.

import type { Builder, BuildResult, Bundle, Problem } from '../build/build.ts';
import { packResult, unpackResult } from '../build/messages.ts';
import type { CatalogEntry } from '../catalog/catalog.ts';
import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { GenerationRow, Store } from '../store/store.ts';
import type { Manifest } from '../../sdk/manifest.ts';
import { isSameGeneration, withCaches } from './compiled.ts';
import type { Compiled, Description } from './compiled.ts';

/** What compiling needs from outside. */
export type ExtensionPowers = {
  readonly builder: Builder;
  readonly store: Store;
  readonly nowMs: () => number;
  /** Names the V8 that cells run: a code cache is good for no other. */
  readonly engine: string;
  readonly onError: (error: unknown) => void;
  /** Reads what a bundle says of itself, in an isolate without capabilities. */
  readonly describe: (
    entry: CatalogEntry,
    bundle: Bundle,
    manifest: Manifest,
  ) => Promise<Description>;
};

type Kept = {
  compiled: Compiled | undefined;
  compiling: Promise<Compiled> | undefined;
  problems: readonly Problem[];
};

/** Compiled extensions by `category/name`. */
export class Extensions {
  readonly #powers: ExtensionPowers;
  readonly #kept = new Map<string, Kept>();

  constructor(powers: ExtensionPowers) {
    this.#powers = powers;
  }

  /** The newest good generation, compiled now when there is none in memory. */
  async current(entry: CatalogEntry): Promise<Compiled> {
    const kept = this.#of(entry);
    return kept.compiled ?? this.compile(entry);
  }

  /** What is known without compiling anything. */
  peek(entry: CatalogEntry): { compiled: Compiled | undefined; problems: readonly Problem[] } {
    const kept = this.#of(entry);
    const problems = entry.problems.length > 0 ? entry.problems : kept.problems;
    return { compiled: kept.compiled, problems };
  }

  /**
   * Compiles the folder as it is now.
   *
   * @throws {HostError} `EXTENSION_MANIFEST_INVALID` or `EXTENSION_BUILD_FAILED` with every problem in
   *   `details.problems`; `EXTENSION_LOAD_FAILED` when its top-level code throws
   */
  compile(entry: CatalogEntry): Promise<Compiled> {
    const kept = this.#of(entry);
    kept.compiling ??= this.#compile(entry, kept).finally(() => {
      kept.compiling = undefined;
    });
    return kept.compiling;
  }

  /** An older generation. @throws {HostError} `CALLER_NOT_FOUND` */
  async generation(entry: CatalogEntry, generation: string): Promise<Compiled> {
    const { compiled } = this.#of(entry);
    if (compiled?.bundle.hash === generation) return compiled;
    const row = await this.#powers.store.generation(entry.category, entry.name, generation);
    if (row !== undefined) return compiledOf(row);
    throw new HostError(
      'CALLER_NOT_FOUND',
      `Extension ${entry.category}/${entry.name} has no generation "${generation}"`,
      { remedy: 'Choose one of "generations" in the view of the extension' },
    );
  }

  /** Keeps the code caches of a generation that has run some calls: its next start is quick. */
  warm({ category, name }: CatalogEntry, { bundle }: Compiled): void {
    const { store, engine, onError } = this.#powers;
    const kept = this.#kept.get(`${category}/${name}`);
    if (kept?.compiled?.bundle.hash !== bundle.hash) return;
    // Another instance was quicker: one set is as good as the other.
    if (kept.compiled.bundle.parts.every(({ ranOn }) => ranOn === engine)) return;
    kept.compiled = { ...kept.compiled, bundle };
    const key = { category, name, generation: bundle.hash };
    store.putBundle(key, packBundle(bundle)).catch(onError);
  }

  /** Forgets an extension that is gone. */
  forget(entry: CatalogEntry): void {
    this.#kept.delete(`${entry.category}/${entry.name}`);
    this.#powers.builder.forget(entry.folder);
  }

  async #compile(entry: CatalogEntry, kept: Kept): Promise<Compiled> {
    const { manifest } = entry;
    if (manifest === undefined) throw manifestError(entry);
    const before = kept.compiled ?? (await this.#newest(entry));
    const result = await this.#build(entry, before?.bundle);
    if (!result.ok) {
      kept.problems = result.problems;
      throw buildError(entry, result.problems);
    }
    if (before !== undefined && isSameGeneration(before, { bundle: result.bundle, manifest })) {
      kept.compiled = before;
      kept.problems = [];
      return before;
    }
    const { store, nowMs, engine } = this.#powers;
    const { category, name } = entry;
    const { hash } = result.bundle;
    const isSame = before?.bundle.hash === hash;
    const row = isSame ? undefined : await store.generation(category, name, hash);
    const known = row === undefined ? before : compiledOf(row);
    // What did not change, such as the npm packages, starts as quickly as before.
    const bundle = withCaches(result.bundle, engine, known?.bundle.parts ?? []);
    try {
      const description =
        known?.bundle.hash === hash
          ? known.description
          : await this.#powers.describe(entry, bundle, manifest);
      const at = new Date(nowMs()).toISOString();
      const compiled: Compiled = { bundle, manifest, description, at };
      await store.putGeneration(rowOf(entry, compiled), LIMITS.keptGenerations);
      kept.compiled = compiled;
      kept.problems = [];
      return compiled;
    } catch (error) {
      if (error instanceof HostError) kept.problems = [loadProblem(error)];
      throw error;
    }
  }

  /** The folder is compiled only when something in it differs from what `known` was made of. */
  async #build(entry: CatalogEntry, known: Bundle | undefined): Promise<BuildResult> {
    const { builder } = this.#powers;
    if (known === undefined || known.source === '') return builder.build(entry.folder);
    const result = await builder.buildUnless(entry.folder, known.source);
    return result ?? { ok: true, bundle: known, wallMs: 0 };
  }

  async #newest({ category, name }: CatalogEntry): Promise<Compiled | undefined> {
    const { store } = this.#powers;
    const [head] = await store.generations(category, name);
    const row = head && (await store.generation(category, name, head.generation));
    return row === undefined ? undefined : compiledOf(row);
  }

  #of({ category, name }: CatalogEntry): Kept {
    const key = `${category}/${name}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const made: Kept = { compiled: undefined, compiling: undefined, problems: [] };
    this.#kept.set(key, made);
    return made;
  }
}

function rowOf({ category, name }: CatalogEntry, compiled: Compiled): GenerationRow {
  const { bundle, manifest, description, at } = compiled;
  return {
    category,
    name,
    generation: bundle.hash,
    version: manifest.version,
    at,
    manifest,
    description,
    bundle: packBundle(bundle),
  };
}

function packBundle(bundle: Bundle): Buffer {
  return packResult({ ok: true, bundle, wallMs: 0 });
}

/** What the store holds was checked when it was put there. */
function compiledOf(row: GenerationRow): Compiled {
  const result = unpackResult(Buffer.from(row.bundle));
  if (result?.ok !== true) {
    throw new HostError('HOST_STORE_FAILED', 'A stored generation is not readable');
  }
  return {
    bundle: result.bundle,
    manifest: row.manifest as Manifest,
    description: row.description as Description,
    at: row.at,
  };
}

function manifestError(entry: CatalogEntry): HostError {
  const [first] = entry.problems;
  return new HostError(
    'EXTENSION_MANIFEST_INVALID',
    `Cannot use "${entry.category}/${entry.name}": ${place(first)}`,
    { details: { problems: entry.problems } },
  );
}

function buildError(entry: CatalogEntry, problems: readonly Problem[]): HostError {
  return new HostError(
    'EXTENSION_BUILD_FAILED',
    `Cannot build "${entry.category}/${entry.name}": ${place(problems[0])}`,
    {
      remedy: 'Correct the named places; the last good generation keeps serving',
      details: { problems },
    },
  );
}

function loadProblem(error: HostError): Problem {
  const stack = String(error.details?.['stack'] ?? '');
  const [, file = 'extension.ts', line = '0', column = '0'] =
    /at .*?([\w./-]+):(\d+):(\d+)\)?/.exec(stack) ?? [];
  return { file, line: Number(line), column: Number(column), message: error.message };
}

/** `extension.ts:3:7: message`. */
export function place(problem: Problem | undefined): string {
  if (problem === undefined) return 'unknown problem';
  const { file, line, column, message } = problem;
  return line === 0 ? `${file}: ${message}` : `${file}:${line}:${column}: ${message}`;
}
