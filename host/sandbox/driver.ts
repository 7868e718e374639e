// The seam that hides the isolate engine: everything the cell needs of one, and nothing else.
// isolate.ts implements it with isolated-vm; a test implements it with nothing.

/** Compiled text with the code cache that the builder made of it. */
export type Script = {
  readonly name: string;
  readonly code: string;
  /** The engine takes it over: nobody else reads it afterwards */
  readonly cachedData?: ArrayBuffer;
  /** Loaded by isolate after isolate; any other script is loaded once */
  readonly isShared?: boolean;
};

/** The two functions a guest can call, both synchronous and both given strings and numbers only. */
export type GuestPorts = {
  /** One frame out. False: the turn's quota is used up. Must not throw. */
  send(kind: number, id: number, text: string): boolean;
  /** One question answered now: `+answer` or `-why not`. Must not throw. */
  ask(operation: string, text: string): string;
};

/** How a turn ended. After anything but `ok` and `threw` the isolate must be disposed. */
export type TurnEnd =
  | { readonly end: 'ok' }
  /** Guest code threw outside any call, such as a rejection nobody handled. */
  | { readonly end: 'threw'; readonly message: string }
  | { readonly end: 'cpu' | 'memory' };

/** One isolate with one context. Not to be used again after `dispose` or a fatal turn. */
export type Isolate = {
  /** Runs one script of a bundle. Ends like a turn; `threw` means the load failed. */
  load(
    script: Script,
    role: 'dependencies' | 'extension',
    options: { readonly timeoutMs: number; readonly originMs: number | undefined },
  ): TurnEnd;
  /**
   * Hands a batch of frames to the guest and runs it until it is quiet.
   *
   * @param atMs The clock of a traced call; undefined: the isolate's own
   */
  enter(batch: string, timeoutMs: number, atMs: number | undefined): TurnEnd;
  /** A code cache of a script that was loaded: with every function that has run since. Empty: none. */
  cacheOf(script: Omit<Script, 'cachedData'>): Buffer;
  /** Nanoseconds of CPU used so far, bytes of heap now. */
  cpuNs(): bigint;
  heapBytes(): number;
  dispose(): void;
};

/** What every isolate starts from, and what it loads by name when it first needs it. */
export type Platform = { readonly main: Script; readonly pieces: ReadonlyMap<string, Script> };

/** Sorts the scripts of a platform: the one named `main`, and pieces. */
export function platformOf(scripts: readonly Omit<Script, 'isShared'>[]): Platform {
  const all = new Map(
    scripts.map((script) => {
      const { name } = script;
      return [name, { ...script, name: `cofferdam:${name}`, isShared: true }];
    }),
  );
  const main = all.get('main');
  if (main === undefined) throw new Error('A platform has a script named "main"');
  return { main, pieces: all };
}

/** Makes isolates that have run the platform's main script. */
export type Driver = {
  createIsolate(options: {
    readonly memoryMiB: number;
    readonly platform: Platform;
    readonly timeoutMs: number;
    readonly ports: GuestPorts;
  }): Isolate;
};
