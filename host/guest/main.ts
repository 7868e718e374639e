// The entry of the platform script: what the cell calls to start an isolate, load a bundle and run turns.
// Exports are reached by the cell through references; guest code never sees them.

import { connect, deliver as route } from './bridge.ts';
import { cancel, describeError, invoke, probes, setConfig, setDefinition } from './calls.ts';
import { describe, validateConfig } from './describe.ts';
import { connectPieces, isLoaded, piece } from './pieces.ts';
import type { LoadPiece } from './pieces.ts';
import { installPlatform } from './platform/install.ts';
import { beginRandom } from './platform/random.ts';
import { beginTurn, setOrigin } from './platform/time.ts';
import * as sdk from './sdk.ts';

type BundleFactory = (module: { exports: Exports }, require: Require) => void;
type Exports = { [name: string]: unknown };
type Require = (name: string) => unknown;
type Zod = NonNullable<Parameters<typeof describe>[0]>;

const modules: Exports = {
  __proto__: null,
  'cofferdam:sdk': sdk,
  get 'cofferdam:buffer'(): unknown {
    return piece('buffer');
  },
  get 'cofferdam:schema'(): unknown {
    return piece('schema');
  },
};
const { hasOwn } = Object;
const { stringify } = JSON;

/** Connects the bridge and installs the web platform. */
export function boot(
  send: (kind: number, id: number, text: string) => boolean,
  ask: (operation: string, text: string) => string,
  loadPiece: LoadPiece,
): void {
  connect(send, ask, { invoke, cancel });
  connectPieces(loadPiece);
  probes[':describe'] = () =>
    describe(isLoaded('schema') ? (piece('schema')['z'] as Zod) : undefined);
  probes[':validate'] = validateConfig;
  probes[':configure'] = applyConfig;
  installPlatform();
}

/** Checks config values by the extension's schema; when they fit, handlers get the parsed ones. */
function applyConfig(values: unknown): Record<string, unknown> {
  const { ok, value, issues } = validateConfig(values);
  if (ok === true) setConfig(value);
  return { ok, issues };
}

/** One turn. @param atMs Its time, when the host tells it */
export function deliver(batch: string, atMs?: number): void {
  beginTurn(atMs);
  beginRandom();
  route(batch);
}

/** Runs one script of a bundle. @returns '' or the failure as JSON text */
export function load(
  factory: BundleFactory,
  role: 'dependencies' | 'extension',
  originMs?: number,
): string {
  const module = { exports: {} as Exports };
  beginTurn();
  if (originMs !== undefined) setOrigin(originMs);
  try {
    if (role === 'extension') factory(module, requireModule);
    else withAtomics(() => factory(module, requireModule));
    if (role === 'dependencies') Object.assign(modules, module.exports);
    else setDefinition(defaultExport(module.exports));
    return '';
  } catch (error) {
    return (stringify(describeError(error)) as string | undefined) ?? 'null';
  }
}

/**
 * Runs the top level of packages with an empty `Atomics` in place: some walk over every object that the
 * language has, by name (a copy of Node's primordials does). Nothing can be done with it.
 */
function withAtomics(run: () => void): void {
  const value = Object.freeze(Object.create(null)) as object;
  Object.defineProperty(globalThis, 'Atomics', { value, configurable: true });
  try {
    run();
  } finally {
    Reflect.deleteProperty(globalThis, 'Atomics');
  }
}

function requireModule(name: string): unknown {
  if (hasOwn(modules, name)) return modules[name];
  throw new TypeError(
    `Cannot load "${name}": only the SDK and packages of package.json exist here`,
  );
}

function defaultExport(exports: Exports): Exports {
  const value = exports['default'];
  if (typeof value === 'object' && value !== null) return value as Exports;
  throw new TypeError(
    'extension.ts must have a default export made by defineServer, defineGateway or defineOther',
  );
}
