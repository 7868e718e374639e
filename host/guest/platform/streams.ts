// Streams, from the reference-grade ponyfill: evaluated only when something first needs a stream.

import type * as Ponyfill from 'web-streams-polyfill';

import { asyncIteratorPrototype } from './webidl.ts';

// The ponyfill's classes are the standard's; only their declared types differ in small things.
type Streams = Omit<typeof Ponyfill, 'ReadableStream'> & {
  readonly ReadableStream: typeof ReadableStream;
};

let loaded: Streams | undefined;

/** The stream classes. */
export function streams(): Streams {
  // A lazy require, resolved by the bundler: an import would run 60 KB of code in every isolate.
  loaded ??= load();
  return loaded;
}

function load(): Streams {
  const made = require('web-streams-polyfill') as unknown as Streams;
  // The ponyfill brings a root of its own for its iterators; the language has one.
  const iterator = new made.ReadableStream().values() as object;
  Object.setPrototypeOf(Object.getPrototypeOf(iterator) as object, asyncIteratorPrototype);
  return made;
}

/** Names of the stream classes that are globals. */
export const STREAM_NAMES = [
  'ByteLengthQueuingStrategy',
  'CountQueuingStrategy',
  'ReadableByteStreamController',
  'ReadableStream',
  'ReadableStreamBYOBReader',
  'ReadableStreamBYOBRequest',
  'ReadableStreamDefaultController',
  'ReadableStreamDefaultReader',
  'TransformStream',
  'TransformStreamDefaultController',
  'WritableStream',
  'WritableStreamDefaultController',
  'WritableStreamDefaultWriter',
] as const satisfies readonly (keyof Streams)[];

/** Whether a value is a stream to read from; asks nothing of the ponyfill before it is loaded. */
export function isReadableStream(value: unknown): value is ReadableStream<Uint8Array> {
  return loaded !== undefined && value instanceof loaded.ReadableStream;
}
