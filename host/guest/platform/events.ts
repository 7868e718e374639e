// Event, CustomEvent and EventTarget, by the DOM standard without a tree: a target has no parents.

import { createSlots } from './slots.ts';
import { sinceOriginMs } from './time.ts';
import { DOMException } from './dom-exception.ts';
import { reportError } from './console.ts';
import { defineProperty } from './natives.ts';
import { defineAttribute, defineInterface, dictionary, needs } from './webidl.ts';

type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };
type ListenerOptions =
  | boolean
  | { capture?: boolean; once?: boolean; passive?: boolean; signal?: AbortSignal };
type Entry = {
  readonly type: string;
  readonly callback: Listener;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  removed: boolean;
};
type State = {
  target: EventTarget | null;
  current: EventTarget | null;
  phase: number;
  dispatching: boolean;
  stopped: boolean;
  canceled: boolean;
  passive: boolean;
  trusted: boolean;
};

const states = createSlots<Event, State>();
/** An own property of every event, by the standard: nothing on the way can replace it. */
const TRUSTED = {
  enumerable: true,
  get(this: Event): boolean {
    return stateOf(this).trusted;
  },
};

function stateOf(event: Event): State {
  const state = states.get(event);
  if (state === undefined) throw new TypeError('Illegal invocation');
  return state;
}

/** Something that happened, on its way to listeners. */
export class Event {
  static readonly NONE = 0;
  static readonly CAPTURING_PHASE = 1;
  static readonly AT_TARGET = 2;
  static readonly BUBBLING_PHASE = 3;

  #type: string;
  #bubbles: boolean;
  #cancelable: boolean;
  readonly #composed: boolean;
  readonly #at = sinceOriginMs();
  #propagates = true;
  declare readonly isTrusted: boolean;

  constructor(
    type: string,
    init?: { bubbles?: boolean; cancelable?: boolean; composed?: boolean },
  ) {
    needs(arguments, 1, 'Event');
    this.#type = `${type}`;
    const { bubbles, cancelable, composed } = dictionary(init);
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    this.#composed = Boolean(composed);
    defineProperty(this, 'isTrusted', TRUSTED);
    states.set(this, {
      target: null,
      current: null,
      phase: 0,
      dispatching: false,
      stopped: false,
      canceled: false,
      passive: false,
      trusted: false,
    });
  }

  get type(): string {
    return this.#type;
  }
  get target(): EventTarget | null {
    return stateOf(this).target;
  }
  get srcElement(): EventTarget | null {
    return stateOf(this).target;
  }
  get currentTarget(): EventTarget | null {
    return stateOf(this).current;
  }
  get eventPhase(): number {
    return stateOf(this).phase;
  }
  get bubbles(): boolean {
    return this.#bubbles;
  }
  get cancelable(): boolean {
    return this.#cancelable;
  }
  get composed(): boolean {
    return this.#composed;
  }
  get defaultPrevented(): boolean {
    return stateOf(this).canceled;
  }
  get timeStamp(): number {
    return this.#at;
  }
  get cancelBubble(): boolean {
    return !this.#propagates;
  }
  set cancelBubble(value: boolean) {
    if (value) this.#propagates = false;
  }
  get returnValue(): boolean {
    return !stateOf(this).canceled;
  }
  set returnValue(value: boolean) {
    if (!value) this.preventDefault();
  }
  initEvent(type: string, bubbles?: boolean, cancelable?: boolean): void {
    needs(arguments, 1, 'initEvent');
    const state = stateOf(this);
    if (state.dispatching) return;
    this.#type = `${type}`;
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    this.#propagates = true;
    Object.assign(state, { target: null, stopped: false, canceled: false, trusted: false });
  }
  composedPath(): EventTarget[] {
    const { current } = stateOf(this);
    return current === null ? [] : [current];
  }
  preventDefault(): void {
    const state = stateOf(this);
    if (this.#cancelable && !state.passive) state.canceled = true;
  }
  stopPropagation(): void {
    this.#propagates = false;
  }
  stopImmediatePropagation(): void {
    this.#propagates = false;
    stateOf(this).stopped = true;
  }
}
for (const name of ['NONE', 'CAPTURING_PHASE', 'AT_TARGET', 'BUBBLING_PHASE'] as const) {
  for (const owner of [Event, Event.prototype]) {
    Object.defineProperty(owner, name, {
      value: Event[name],
      enumerable: true,
      writable: false,
      configurable: false,
    });
  }
}

defineInterface(Event, 'Event', { constructor: 1, initEvent: 1 });

/** An event that carries a value. */
export class CustomEvent extends Event {
  #detail: unknown;

  constructor(type: string, init?: ConstructorParameters<typeof Event>[1] & { detail?: unknown }) {
    needs(arguments, 1, 'CustomEvent');
    super(type, init);
    this.#detail = dictionary(init)['detail'] ?? null;
  }

  initCustomEvent(type: string, bubbles?: boolean, cancelable?: boolean, detail?: unknown): void {
    needs(arguments, 1, 'initCustomEvent');
    if (stateOf(this).dispatching) return;
    this.initEvent(type, bubbles, cancelable);
    this.#detail = detail ?? null;
  }

  get detail(): unknown {
    return this.#detail;
  }
}
defineInterface(CustomEvent, 'CustomEvent', { constructor: 1 });

const listeners = createSlots<object, Entry[]>();

/** Where listeners wait for events. */
export class EventTarget {
  constructor() {
    listeners.set(this, []);
  }

  addEventListener(
    type: string,
    callback: Listener | null,
    options: ListenerOptions = false,
  ): void {
    needs(arguments, 2, 'addEventListener');
    const entries = entriesOf(this);
    const { capture, once, passive, signal } = readOptions(options);
    if (signal?.aborted === true || callback === null || callback === undefined) return;
    if (typeof callback !== 'function' && typeof callback !== 'object') {
      throw new TypeError('A listener is a function or an object');
    }
    const name = `${type}`;
    const known = entries.some(
      (entry) => entry.type === name && entry.callback === callback && entry.capture === capture,
    );
    if (known) return;
    entries.push({ type: name, callback, capture, once, passive, removed: false });
    signal?.addEventListener('abort', () => this.removeEventListener(name, callback, { capture }));
  }

  removeEventListener(
    type: string,
    callback: Listener | null,
    options: ListenerOptions = false,
  ): void {
    needs(arguments, 2, 'removeEventListener');
    const entries = entriesOf(this);
    const capture = typeof options === 'object' ? Boolean(options?.capture) : Boolean(options);
    const at = entries.findIndex(
      (entry) =>
        entry.type === `${type}` && entry.callback === callback && entry.capture === capture,
    );
    const [entry] = at < 0 ? [] : entries.splice(at, 1);
    if (entry !== undefined) entry.removed = true;
  }

  dispatchEvent(event: Event): boolean {
    const state = states.get(event);
    if (state === undefined) throw new TypeError('dispatchEvent takes an Event');
    if (state.dispatching) {
      throw new DOMException('The event is being dispatched already', 'InvalidStateError');
    }
    state.trusted = false;
    return fire(this, event);
  }
}
defineInterface(EventTarget, 'EventTarget', { addEventListener: 2, removeEventListener: 2 });

/** Dispatches an event of the platform's own making. */
export function fireTrusted(target: EventTarget, event: Event): void {
  stateOf(event).trusted = true;
  fire(target, event);
}

function fire(target: EventTarget, event: Event): boolean {
  const state = stateOf(event);
  Object.assign(state, { target, current: target, phase: 2, dispatching: true });
  const matching = entriesOf(target).filter((entry) => entry.type === event.type);
  // With one target, capturing listeners come first, then the others, each in order of arrival.
  for (const capture of [true, false]) {
    for (const entry of matching) {
      if (entry.capture !== capture || entry.removed || state.stopped) continue;
      if (entry.once) target.removeEventListener(entry.type, entry.callback, { capture });
      state.passive = entry.passive;
      run(target, entry.callback, event);
      state.passive = false;
    }
  }
  Object.assign(state, { current: null, phase: 0, dispatching: false, stopped: false });
  return !state.canceled;
}

function run(target: EventTarget, callback: Listener, event: Event): void {
  try {
    if (typeof callback === 'function') callback.call(target, event);
    else callback.handleEvent(event);
  } catch (error) {
    reportError(error);
  }
}

function entriesOf(target: object): Entry[] {
  const known = listeners.get(target);
  if (known === undefined) throw new TypeError('Illegal invocation');
  return known;
}

function readOptions(options: ListenerOptions): Omit<Entry, 'type' | 'callback' | 'removed'> & {
  signal: AbortSignal | undefined;
} {
  if (typeof options !== 'object' || options === null) {
    return { capture: Boolean(options), once: false, passive: false, signal: undefined };
  }
  const { capture, once, passive, signal } = options;
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw new TypeError('signal must be an AbortSignal');
  }
  return { capture: Boolean(capture), once: Boolean(once), passive: Boolean(passive), signal };
}

/** Defines `on<type>` on a prototype: one handler kept in the order in which it was first set. */
export function defineHandler(
  prototype: object,
  type: string,
  onSet: (target: EventTarget) => void = () => undefined,
): void {
  const handlers = createSlots<object, { value: unknown }>();
  defineAttribute<EventTarget>(prototype, `on${type}`, {
    get: (target) => handlers.get(target)?.value ?? null,
    set(target, value) {
      const kept =
        typeof value === 'function' || (typeof value === 'object' && value !== null) ? value : null;
      onSet(target);
      const known = handlers.get(target);
      if (known !== undefined) {
        known.value = kept;
        return;
      }
      const slot = { value: kept as unknown };
      handlers.set(target, slot);
      target.addEventListener(type, (event) => {
        if (typeof slot.value === 'function') slot.value.call(target, event);
      });
    },
  });
}
