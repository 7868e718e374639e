// The pieces of the platform that are scripts of their own, loaded when something first needs them: what an
// isolate does not use costs it neither the text nor the objects. Each piece is evaluated once.

import * as bridge from './bridge.ts';
import * as console from './platform/console.ts';
import * as natives from './platform/natives.ts';
import * as slots from './platform/slots.ts';
import * as time from './platform/time.ts';
import * as webidl from './platform/webidl.ts';

type Exports = { readonly [name: string]: unknown };
type Factory = (module: { exports: Exports }, exports: Exports, require: Require) => void;
type Require = (name: string) => unknown;

/** Gives the function that is a piece's script; undefined when it cannot be loaded. */
export type LoadPiece = (name: string) => Factory | undefined;

const NativeError = Error;
const loaded = Object.create(null) as { [name: string]: Exports | undefined };
let loadOut: LoadPiece;

/** Modules of this script that pieces share with it: they hold what there is once in an isolate. */
const shared: Exports = {
  __proto__: null,
  bridge,
  pieces: { isLoaded, piece },
  'platform/console': console,
  'platform/natives': natives,
  'platform/slots': slots,
  'platform/time': time,
  'platform/webidl': webidl,
};

/** Takes the host function; called once, before guest code exists. */
export function connectPieces(load: LoadPiece): void {
  loadOut = load;
}

/** What a piece exports. */
export function piece(name: string): Exports {
  const known = loaded[name];
  if (known !== undefined) return known;
  const factory = loadOut(name);
  // The heap is full: the turn around this ends for the same reason.
  if (factory === undefined) throw new NativeError(`"${name}" cannot be loaded`);
  const module: { exports: Exports } = { exports: {} };
  factory(module, module.exports, (other) => shared[other] ?? piece(other));
  loaded[name] = module.exports;
  return module.exports;
}

/** Whether a piece has been loaded by now. */
export function isLoaded(name: string): boolean {
  return loaded[name] !== undefined;
}
