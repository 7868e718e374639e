// Streams: a piece of their own, loaded only when something first needs a stream.

import type * as Ponyfill from 'web-streams-polyfill';

import { piece } from '../pieces.ts';
import { asyncIteratorPrototype } from './webidl.ts';

/** The ponyfill's classes are the standard's; only their declared types differ in small things. */
export type Streams = Omit<typeof Ponyfill, 'ReadableStream'> & {
  readonly ReadableStream: typeof ReadableStream;
};

let loaded: Streams | undefined;

/** The stream classes. */
export function streams(): Streams {
  loaded ??= load();
  return loaded;
}

function load(): Streams {
  const made = piece('streams') as unknown as Streams;
  // The ponyfill brings a root of its own for its iterators; the language has one.
  const iterator = new made.ReadableStream().values() as object;
  Object.setPrototypeOf(Object.getPrototypeOf(iterator) as object, asyncIteratorPrototype);
  return made;
}

/** Whether a value is a stream to read from; asks nothing of the ponyfill before it is loaded. */
export function isReadableStream(value: unknown): value is ReadableStream<Uint8Array> {
  return loaded !== undefined && value instanceof loaded.ReadableStream;
}
