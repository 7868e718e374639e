// The driver over isolated-vm. Only strings and numbers cross; no isolated-vm object reaches a guest
// except three host functions, which the platform keeps in closures.
// Must never pass a promise or a structured copy of a guest value.

import ivm from 'isolated-vm';

import { LIMITS } from '../limits.ts';
import type { Driver, Isolate, Script, TurnEnd } from './driver.ts';

type Exports = ivm.Reference<Record<string, unknown>>;
type Deliver = ivm.Reference<(batch: string, atMs?: number) => void>;
type Load = ivm.Reference<(factory: unknown, role: string, originMs?: number) => string>;

/**
 * The driver for production.
 *
 * @param onCatastrophe V8 could not stop a script or ran out of memory: the process must end soon
 */
export function createIvmDriver(onCatastrophe: (message: string) => void): Driver {
  return {
    createIsolate({ memoryMiB, platform, timeoutMs, ports }) {
      const isolate = new ivm.Isolate({
        memoryLimit: memoryMiB,
        onCatastrophicError: onCatastrophe,
      });
      const context = isolate.createContextSync();
      const exports = runFactory(isolate, context, platform.main, timeoutMs);
      const piece = (name: string): unknown => {
        const script = platform.pieces.get(name);
        return script && readFactory(isolate, context, script, timeoutMs);
      };
      exports
        .getSync('boot', { reference: true, accessors: true })
        .applySync(undefined, [ports.send, ports.ask, piece].map(portFor), { timeout: timeoutMs });
      return new IvmIsolate(isolate, context, exports);
    },
  };
}

class IvmIsolate implements Isolate {
  readonly #isolate: ivm.Isolate;
  readonly #context: ivm.Context;
  readonly #deliver: Deliver;
  readonly #load: Load;
  #heapBytes = 0;
  #heapReadAt = 0;
  #cpuNs = 0n;

  constructor(isolate: ivm.Isolate, context: ivm.Context, exports: Exports) {
    this.#isolate = isolate;
    this.#context = context;
    this.#deliver = exports.getSync('deliver', { reference: true, accessors: true }) as Deliver;
    this.#load = exports.getSync('load', { reference: true, accessors: true }) as Load;
  }

  load(
    script: Script,
    role: string,
    { timeoutMs, originMs }: { readonly timeoutMs: number; readonly originMs: number | undefined },
  ): TurnEnd {
    let failure = '';
    const end = this.#turn(() => {
      const compiled = compile(this.#isolate, script);
      const factory = compiled.runSync(this.#context, { reference: true, timeout: timeoutMs });
      const options = { timeout: timeoutMs };
      failure = String(
        this.#load.applySync(undefined, [factory.derefInto(), role, originMs], options),
      );
      factory.release();
      compiled.release();
    });
    return end.end === 'ok' && failure !== '' ? { end: 'threw', message: failure } : end;
  }

  enter(batch: string, timeoutMs: number, atMs: number | undefined): TurnEnd {
    const given: [string, number?] = atMs === undefined ? [batch] : [batch, atMs];
    return this.#turn(() => this.#deliver.applySync(undefined, given, { timeout: timeoutMs }));
  }

  cacheOf({ name, code }: Omit<Script, 'cachedData'>): Buffer {
    let bytes = new ArrayBuffer(0);
    // One that fails, at the heap's limit, has made no cache; the next turn finds the isolate gone.
    this.#turn(() => {
      // V8 finds the script that it has compiled already; guest code has no say in what comes out.
      const script: ivm.Script & ivm.CachedDataResult = this.#isolate.compileScriptSync(code, {
        filename: name,
        produceCachedData: true,
      });
      const made = script.cachedData?.copy() ?? bytes;
      if (made.byteLength <= LIMITS.codeCacheBytesMax) bytes = made;
      script.release();
    });
    return Buffer.from(bytes);
  }

  cpuNs(): bigint {
    if (!this.#isolate.isDisposed) this.#cpuNs = this.#isolate.cpuTime;
    return this.#cpuNs;
  }

  heapBytes(): number {
    // 3 µs a look: often enough for a receipt, too much for every turn.
    const now = performance.now();
    if (!this.#isolate.isDisposed && now - this.#heapReadAt > 20) {
      const heap = this.#isolate.getHeapStatisticsSync();
      this.#heapBytes = heap.used_heap_size + heap.externally_allocated_size;
      this.#heapReadAt = now;
    }
    return this.#heapBytes;
  }

  dispose(): void {
    if (!this.#isolate.isDisposed) this.#isolate.dispose();
  }

  #turn(run: () => void): TurnEnd {
    try {
      run();
      return { end: 'ok' };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message === 'Script execution timed out.') return { end: 'cpu' };
      if (this.#isolate.isDisposed || message.includes('memory limit')) return { end: 'memory' };
      const stack = error instanceof Error ? String(error.stack) : message;
      return { end: 'threw', message: stack.slice(0, LIMITS.errorStackChars) };
    }
  }
}

function runFactory(
  isolate: ivm.Isolate,
  context: ivm.Context,
  script: Script,
  timeout: number,
): Exports {
  const factory = compile(isolate, script).runSync(context, { reference: true, timeout });
  const module = context.evalSync('({ exports: {} })', { reference: true }) as Exports;
  const exports = module.getSync('exports', { reference: true }) as Exports;
  factory.applySync(undefined, [module.derefInto(), exports.derefInto()], { timeout });
  return module.getSync('exports', { reference: true }) as Exports;
}

/** The function that a script is; undefined when the heap has no room for it: a guest may see no error. */
function readFactory(
  isolate: ivm.Isolate,
  context: ivm.Context,
  script: Script,
  timeout: number,
): unknown {
  try {
    const compiled = compile(isolate, script);
    const factory = compiled.runSync(context, { reference: true, timeout });
    compiled.release();
    return factory.derefInto({ release: true });
  } catch {
    // The turn that asked for it ends at the same limit.
    return undefined;
  }
}

/** Code caches of shared scripts, as V8 takes them. */
const shared = new WeakMap<ArrayBuffer, ivm.ExternalCopy<ArrayBuffer>>();

function compile(
  isolate: ivm.Isolate,
  { name, code, cachedData, isShared = false }: Script,
): ivm.Script {
  if (cachedData === undefined) return isolate.compileScriptSync(code, { filename: name });
  const cache = shared.get(cachedData) ?? new ivm.ExternalCopy(cachedData, { transferOut: true });
  if (isShared) shared.set(cachedData, cache);
  try {
    return isolate.compileScriptSync(code, { filename: name, cachedData: cache });
  } finally {
    // Left to the collector, each start would hold its cache until the cell's own heap is full.
    if (!isShared) cache.release();
  }
}

function portFor(port: (...values: never[]) => unknown): ivm.Callback {
  return new ivm.Callback(port, { sync: true });
}
