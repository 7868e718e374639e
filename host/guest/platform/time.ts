// Clocks of an isolate: whole milliseconds that stand still within a turn, so that no guest can measure
// its neighbours. `beginTurn` is called by main.ts before every turn.

const NativeDate = Date;
const nativeNow = Date.now;
const { construct } = Reflect;

let turnMs = nativeNow();
let originMs = turnMs;

/** Takes the time of a new turn; it never runs backwards. */
export function beginTurn(): void {
  const now = nativeNow();
  if (now > turnMs) turnMs = now;
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
