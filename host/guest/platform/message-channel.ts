// MessageChannel, MessagePort and MessageEvent, by the HTML standard, within one isolate: a message is a copy
// that arrives in a turn of its own. Evaluated when something first needs one.

import { setTimer } from '../bridge.ts';
import { structuredClone, transferables } from './clone.ts';
import { DOMException } from './dom-exception.ts';
import { defineHandler, Event, EventTarget, fireTrusted } from './events.ts';
import { defineInterface, dictionary, needs, usv } from './webidl.ts';

type Message = { readonly data: unknown; readonly ports: MessagePort[] };
/** One end. Transferring a port hands its end to a new object. */
type End = {
  port: MessagePort | undefined;
  other: End | undefined;
  isStarted: boolean;
  isScheduled: boolean;
  readonly queue: Message[];
};

const MAKING = Symbol('making a port');
const ends = new WeakMap<MessagePort, End>();

/** A message that arrived. */
export class MessageEvent extends Event {
  readonly #data: unknown;
  readonly #origin: string;
  readonly #lastEventId: string;
  readonly #ports: readonly unknown[];

  constructor(type: string, init?: ConstructorParameters<typeof Event>[1] & MessageInit) {
    needs(arguments, 1, 'MessageEvent');
    super(type, init);
    const { data = null, lastEventId = '', origin = '', ports = [] } = dictionary(init);
    this.#data = data;
    this.#lastEventId = `${lastEventId as string}`;
    this.#origin = usv(origin);
    this.#ports = Object.freeze([...(ports as Iterable<unknown>)]);
  }
  get data(): unknown {
    return this.#data;
  }
  get origin(): string {
    return this.#origin;
  }
  get lastEventId(): string {
    return this.#lastEventId;
  }
  get source(): null {
    // Nothing here has a window or a worker to name.
    return null;
  }
  get ports(): readonly unknown[] {
    return this.#ports;
  }
}
type MessageInit = { data?: unknown; origin?: string; lastEventId?: string; ports?: unknown[] };
defineInterface(MessageEvent, 'MessageEvent', { constructor: 1 });

/** One end of a channel. */
export class MessagePort extends EventTarget {
  constructor(making?: symbol) {
    if (making !== MAKING) throw new TypeError('Illegal constructor');
    super();
  }
  postMessage(message: unknown, options?: unknown): void {
    needs(arguments, 1, 'postMessage');
    const end = ends.get(this);
    const list = Symbol.iterator in dictionary(options) ? options : dictionary(options)['transfer'];
    const transfer = [...((list ?? []) as Iterable<unknown>)];
    if (transfer.includes(this)) {
      throw new DOMException('A port cannot be sent through itself', 'DataCloneError');
    }
    const sent = { data: message, ports: transfer.filter((item) => item instanceof MessagePort) };
    const copy = structuredClone(sent, { transfer }) as Message;
    if (end?.other === undefined) return;
    end.other.queue.push(copy);
    schedule(end.other);
  }
  start(): void {
    const end = ends.get(this);
    if (end === undefined) return;
    end.isStarted = true;
    schedule(end);
  }
  close(): void {
    const end = ends.get(this);
    ends.delete(this);
    if (end === undefined) return;
    if (end.other !== undefined) end.other.other = undefined;
    Object.assign(end, { port: undefined, other: undefined });
    end.queue.length = 0;
  }
}
defineHandler(MessagePort.prototype, 'message', (port) => (port as MessagePort).start());
defineHandler(MessagePort.prototype, 'messageerror');
defineInterface(MessagePort, 'MessagePort', { constructor: 0, postMessage: 1 });

/** Two ports; what is posted on one arrives at the other. */
export class MessageChannel {
  readonly #ports: readonly [MessagePort, MessagePort];

  constructor() {
    const first = makeEnd();
    const second = makeEnd();
    first.other = second;
    second.other = first;
    this.#ports = [makePort(first), makePort(second)];
  }
  get port1(): MessagePort {
    return this.#ports[0];
  }
  get port2(): MessagePort {
    return this.#ports[1];
  }
}
defineInterface(MessageChannel, 'MessageChannel');

transferables.push((value) => {
  if (!(value instanceof MessagePort)) return undefined;
  const end = ends.get(value);
  if (end === undefined) throw new DOMException('The port is detached', 'DataCloneError');
  const made = new MessagePort(MAKING);
  const commit = (): void => {
    ends.delete(value);
    ends.set(made, end);
    Object.assign(end, { port: made, isStarted: false });
  };
  return { made, commit };
});

function makeEnd(): End {
  return { port: undefined, other: undefined, isStarted: false, isScheduled: false, queue: [] };
}

function makePort(end: End): MessagePort {
  const port = new MessagePort(MAKING);
  end.port = port;
  ends.set(port, end);
  return port;
}

/** One message for each turn: a flood must not keep timers from running. */
function schedule(end: End): void {
  if (!end.isStarted || end.isScheduled || end.queue.length === 0) return;
  end.isScheduled = true;
  setTimer(0, () => {
    end.isScheduled = false;
    const { port } = end;
    if (port === undefined || !end.isStarted || end.queue.length === 0) return;
    const message = end.queue.shift();
    schedule(end);
    fireTrusted(port, new MessageEvent('message', message));
  });
}
