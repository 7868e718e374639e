// The kinds of frame on the pipe: numbers only, so that guest code can import them without Node.

/**
 * Kinds of frame. `id` is the call (invoke, cancel, result, failure) or the guest's request
 * (request, reply, refuse, chunk, end, broken, credit, abandon) within the slot.
 */
export const FRAME = {
  // host → cell
  platform: 1,
  load: 2,
  invoke: 3,
  cancel: 4,
  reply: 5,
  refuse: 6,
  dispose: 7,
  ping: 8,
  warm: 9,
  // both ways, for bodies and for what nobody waits for any more
  chunk: 16,
  end: 17,
  broken: 18,
  credit: 19,
  abandon: 20,
  // cell → host
  hello: 32,
  loaded: 33,
  loadFailed: 34,
  result: 35,
  failure: 36,
  request: 37,
  log: 39,
  fault: 40,
  pong: 41,
  caches: 42,
  // cell → guest only
  timer: 48,
} as const;

/** One of `FRAME`. */
export type FrameKind = (typeof FRAME)[keyof typeof FRAME];
