// The shapes of a build: what the host asks of a builder and what comes back.

/** One script of a bundle: a function text `(function (module, exports, require) { … })`. */
export type BundlePart = {
  /** `dependencies` is loaded first and holds the npm packages; `extension` the author's own code. */
  readonly role: 'dependencies' | 'extension';
  /** SHA-256 of `code`, hex */
  readonly hash: string;
  readonly code: string;
  /** V8 code cache made by our own compile of `code`; never taken from an extension. */
  readonly cachedData?: Uint8Array;
  /** The engine in which `code` had run when the cache was made; absent: it was compiled only. */
  readonly ranOn?: string;
  /** JSON source map; `sources` are paths relative to the extension's folder. Absent: none, or too long a one. */
  readonly sourceMap?: string;
};

/** One compiled extension. Equal content gives an equal hash. */
export type Bundle = {
  /** SHA-256 over the parts' hashes, hex */
  readonly hash: string;
  readonly parts: readonly BundlePart[];
  /** Files of the folder that went in, relative, sorted. */
  readonly inputs: readonly string[];
  /** SHA-256, hex, over all that it could be made of: the folder's files, its packages, our compiler. */
  readonly source: string;
};

/** One thing wrong with a manifest or a source file, at a place in the author's own folder. */
export type Problem = {
  /** Relative to the extension's folder */
  readonly file: string;
  /** 1-based; 0 when the problem has no place */
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** The line of source at that place, at most 200 characters */
  readonly lineText?: string;
  readonly remedy?: string;
};

/** How a build ended. */
export type BuildResult =
  | { readonly ok: true; readonly bundle: Bundle; readonly wallMs: number }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** A script of ours with the code cache of the builder's run. */
export type PlatformScript = {
  /** `main`, or the name of a piece */
  readonly name: string;
  readonly code: string;
  readonly cachedData: Uint8Array;
};

/**
 * What children are started from. Each program is one CommonJS text: loading its files one by one costs a
 * cell 50 ms, and a builder 250.
 */
export type Platform = {
  /** The scripts of the platform with their code caches, as a cell is greeted with them */
  readonly greeting: Buffer;
  readonly cell: string;
  readonly builder: string;
};

/** What the host's own pages are made of: a script for each, one sheet for both. */
export type PageAssets = {
  readonly console: string;
  readonly docs: string;
  readonly style: string;
};

/** What is made of the product's own files. */
export type OwnName = 'platform' | 'pages';

/** One of them as it left its builder. */
export type OwnBuild = {
  /** `unpackPlatform` or `unpackPages` reads it. */
  readonly payload: Buffer;
  /** Every file that decides over it, relative to the product's folder, sorted. */
  readonly inputs: readonly string[];
};

/** Compiles extension folders in a process of its own; one build per folder at a time. */
export type Builder = {
  /**
   * Compiles `<folder>/extension.ts`.
   *
   * Reads the folder without following links, reads nothing outside it but the npm packages that its
   * package.json names, and runs nothing. Ends within `LIMITS.buildMs`.
   */
  build(folder: string): Promise<BuildResult>;
  /** The same; undefined, and nothing was compiled, when a bundle of this `source` would come out. */
  buildUnless(folder: string, source: string): Promise<BuildResult | undefined>;
  /** Compiles what every isolate and cell starts from, or the host's own pages. */
  buildOwn(name: OwnName): Promise<OwnBuild>;
  /** Drops what is kept of a folder for quick rebuilds. */
  forget(folder: string): void;
  [Symbol.asyncDispose](): Promise<void>;
};
