// Clocks of an isolate: whole milliseconds that stand still within a turn, so that no guest can measure
// its neighbours. `beginTurn` is called by main.ts before every turn. A call that can be run again is told
// its time by the host, which may lie a moment, or after a crash long, behind that of the calls beside it.

const NativeDate = Date;
const nativeNow = Date.now;
const { apply, construct } = Reflect;

let turnMs = nativeNow();
let originMs = turnMs;
let isTold = false;

/** Takes the time of a new turn: the one that is told, else the system's, which never runs backwards. */
export function beginTurn(atMs?: number): void {
  isTold = atMs !== undefined;
  const now = atMs ?? nativeNow();
  if (isTold || now > turnMs) turnMs = now;
}

/** Whether this turn belongs to a call that may be run again. */
export function isTurnTold(): boolean {
  return isTold;
}

/** Sets where `performance.now()` starts; before guest code runs. */
export function setOrigin(ms: number): void {
  originMs = ms;
}

/** Epoch milliseconds of this turn. */
export function nowMs(): number {
  return turnMs;
}

/** Milliseconds of this turn since the isolate was made. */
export function sinceOriginMs(): number {
  return turnMs - originMs;
}

/** Epoch milliseconds when the isolate was made. */
export function timeOriginMs(): number {
  return originMs;
}

/** The `Date` that guests see. */
export function createDate(): DateConstructor {
  originMs = turnMs;
  function GuestDate(this: unknown, ...values: unknown[]): unknown {
    if (new.target === undefined) return new NativeDate(turnMs).toString();
    return construct(NativeDate, values.length === 0 ? [turnMs] : values, new.target);
  }
  const patched = GuestDate as unknown as DateConstructor;
  Object.defineProperties(patched, {
    name: { value: 'Date' },
    length: { value: 7 },
    prototype: { value: NativeDate.prototype, writable: false },
    now: { value: () => turnMs, writable: true, configurable: true },
    parse: { value: NativeDate.parse, writable: true, configurable: true },
    UTC: { value: NativeDate.UTC, writable: true, configurable: true },
  });
  Object.defineProperty(NativeDate.prototype, 'constructor', {
    value: patched,
    writable: true,
    configurable: true,
  });
  return patched;
}

/**
 * Takes the clocks out of the language that `Date` is not: a DateTimeFormat without a date shows the time
 * that it is, and a date turns into one of Temporal's classes.
 */
export function removeClocks(): void {
  Reflect.deleteProperty(NativeDate.prototype, 'toTemporalInstant');
  const { prototype } = Intl.DateTimeFormat;
  const formatOf = Object.getOwnPropertyDescriptor(prototype, 'format')?.get as () => Format;
  const { formatToParts } = prototype;
  const bound = new WeakMap<object, Format>();
  const replaced = {
    get format(): Format {
      const native = apply(formatOf, this, []);
      const known = bound.get(this);
      if (known !== undefined) return known;
      const coarse: Format = (date) => apply(native, undefined, [dateOr(date)]);
      bound.set(this, coarse);
      return coarse;
    },
    formatToParts(date?: unknown): unknown {
      return apply(formatToParts, this, [dateOr(date)]);
    },
  };
  for (const [name, member] of Object.entries(Object.getOwnPropertyDescriptors(replaced))) {
    Object.defineProperty(prototype, name, { ...member, enumerable: false });
  }
}

type Format = (date?: unknown) => string;

function dateOr(date: unknown): unknown {
  return date === undefined ? turnMs : date;
}
