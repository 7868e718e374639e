// Runs the handlers of the loaded extension: finds them, builds their context, sends their outcome.
// Called by the bridge within a turn; the outcome of a call is one frame, result or failure.

import { fail } from '../../sdk/errors.ts';
import { FRAME } from '../frames.ts';
import { request, send } from './bridge.ts';
import type { WireError } from './bridge.ts';
import type { AbortController } from './platform/abort.ts';
import type * as DomException from './platform/dom-exception.ts';
import { piece } from './pieces.ts';
import { load } from './platform/install.ts';

type Handler = (...values: unknown[]) => unknown;
type Definition = { readonly [name: string]: unknown };
type CallInfo = { readonly id: string; readonly handler: string } & {
  readonly [name: string]: unknown;
};
type Invocation = { readonly call: CallInfo; readonly input: unknown };

const { parse, stringify } = JSON;
const { hasOwn, freeze, create } = Object;
const MESSAGE_CHARS = 2_000;
const STACK_CHARS = 8_000;

/** Lifecycle handlers that take the context alone. */
const BARE = [
  'testConnection',
  'health',
  'onEnable',
  'onDisable',
  'onInstall',
  'onUninstall',
  'onSuspend',
];
const bare = create(null) as { [name: string]: true };
for (const name of BARE) bare[name] = true;

/** Questions of the host itself, such as `:describe`; a handler name never starts with a colon. */
export const probes = create(null) as { [name: string]: (input: unknown) => unknown };

const aborts = create(null) as { [call: number]: AbortController };
let definition: Definition = {};
let config: unknown = {};

/** Sets the extension's default export. */
export function setDefinition(value: Definition): void {
  definition = value;
}

/** The extension's default export, for describe.ts. */
export function currentDefinition(): Definition {
  return definition;
}

/** Sets what handlers get as `config`. */
export function setConfig(value: unknown): void {
  config = deepFreeze(value);
}

/** Runs one call; `text` is `{"call":{…},"input":…}`. */
export function invoke(id: number, text: string): void {
  void run(id, text);
}

/** Tells a running call that nobody waits for it any more. */
export function cancel(id: number): void {
  const controller = aborts[id];
  delete aborts[id];
  if (controller === undefined) return;
  const { DOMException } = piece('dom-exception') as typeof DomException;
  controller.abort(new DOMException('The call was cancelled', 'AbortError'));
}

async function run(id: number, text: string): Promise<void> {
  try {
    const { call, input } = parse(text) as Invocation;
    const value = await start(id, call, input);
    // An iterator would cross as an empty object, and its author would wonder.
    if (typeof value === 'object' && value !== null && Symbol.asyncIterator in value) {
      throw new TypeError('The result must be plain JSON: it is an async iterator');
    }
    const result = stringify(value === undefined ? null : value) as string | undefined;
    send(FRAME.result, id, result ?? 'null');
  } catch (error) {
    const failure = stringify(describeError(error)) as string | undefined;
    send(FRAME.failure, id, failure ?? 'null');
  } finally {
    delete aborts[id];
  }
}

function start(id: number, call: CallInfo, input: unknown): unknown {
  const probe = probes[call.handler];
  if (probe !== undefined) return probe(input);
  const { owner, handler } = findHandler(call.handler);
  const context = createContext(id, call);
  if (bare[call.handler] === true) return handler.call(owner, context);
  if (call.handler === 'onResume') {
    const { state, fromVersion } = input as { state: unknown; fromVersion: unknown };
    return handler.call(owner, state, fromVersion, context);
  }
  return handler.call(owner, input, context);
}

/** `create`, `on.invoice.paid`, `actions.reboot`, `pages.feed`: own properties only. */
function findHandler(name: string): { owner: unknown; handler: Handler } {
  const dot = name.indexOf('.');
  const group = dot < 0 ? '' : name.slice(0, dot);
  const owner = group === '' ? definition : ownValue(definition, group);
  const found = ownValue(owner, group === '' ? name : name.slice(dot + 1));
  if (group === 'actions') {
    const handler = ownValue(found, 'run');
    if (typeof handler === 'function') return { owner: found, handler: handler as Handler };
  } else if (typeof found === 'function') {
    return { owner, handler: found as Handler };
  }
  throw new TypeError(`The extension has no handler "${name}"`);
}

function ownValue(owner: unknown, name: string): unknown {
  if (typeof owner !== 'object' || owner === null || !hasOwn(owner, name)) return undefined;
  return (owner as Record<string, unknown>)[name];
}

function createContext(id: number, info: CallInfo): Record<string, unknown> {
  return {
    config,
    fetch: (input: unknown, init?: unknown) => load.fetch().fetchFor(id, input, init),
    log: createLog(id),
    storage: createStorage(id),
    webhooks: { verify: (given: unknown, scheme: unknown) => verifyWebhook(id, given, scheme) },
    call: withSignal(id, info),
  };
}

function withSignal(id: number, info: CallInfo): Record<string, unknown> {
  // Made on first use: most handlers never look at it.
  return Object.defineProperty({ ...info }, 'signal', {
    enumerable: true,
    get: () => (aborts[id] ??= new (load.events().AbortController)()).signal,
  });
}

function createLog(id: number): Record<string, unknown> {
  const write =
    (level: string) =>
    (message: unknown, fields?: unknown): void =>
      send(
        FRAME.log,
        id,
        stringify({ level, message: String(message).slice(0, STACK_CHARS), fields }),
      );
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** The host's answer as a handler wants it: what is not the vendor's throws. */
async function verifyWebhook(id: number, given: unknown, scheme: unknown): Promise<unknown> {
  const answer = await new Promise<unknown>((resolve, reject) => {
    const hooks = { reply: resolve, refuse: (error: WireError) => reject(toError(error)) };
    request(id, 'webhook', { request: given, scheme }, hooks);
  });
  const { valid, why, ...told } = answer as { valid: boolean; why?: string; replayed: boolean };
  if (valid) return told;
  throw fail('unauthorized', `Cannot verify a webhook: ${why ?? 'it is not signed'}`, {
    remedy: 'Check that the key in the config is that of the webhook that sent this',
  });
}

function createStorage(id: number): Record<string, unknown> {
  const ask = (op: string, rest: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      request(
        id,
        'storage',
        { op, ...rest },
        { reply: resolve, refuse: (e) => reject(toError(e)) },
      );
    });
  return {
    get: (key: string) => ask('get', { key }),
    set: (key: string, value: unknown, options?: object) => ask('set', { key, value, ...options }),
    delete: (key: string) => ask('delete', { key }),
    list: (prefix: string, options?: object) => ask('list', { prefix, ...options }),
    compareAndSet: (key: string, expected: unknown, value: unknown, options?: object) =>
      ask('compareAndSet', { key, expected, value, ...options }),
    increment: (key: string, by?: number, options?: object) =>
      ask('increment', { key, by: by ?? 1, ...options }),
  };
}

/** A host's refusal as an Error that a handler can catch, with `code` and `details.remedy`. */
export function toError(error: WireError): Error {
  const { message, code, remedy, details } = error;
  const more = { ...(details as object | undefined), ...(remedy === undefined ? {} : { remedy }) };
  return Object.assign(new Error(message), { code, details: more });
}

/** Whatever was thrown, as bounded data. Runs guest getters: inside the turn, under its limit. */
export function describeError(error: unknown): Record<string, unknown> {
  if (typeof error !== 'object' || error === null) {
    return { code: 'EXTENSION_THREW', message: `Threw ${String(error).slice(0, MESSAGE_CHARS)}` };
  }
  const { name, message, stack, code, remedy, details, failure } = error as Record<string, unknown>;
  const data: Record<string, unknown> = {
    code: 'EXTENSION_THREW',
    name: typeof name === 'string' ? name.slice(0, 100) : 'Error',
    message: String(message ?? '').slice(0, MESSAGE_CHARS),
    stack: typeof stack === 'string' ? stack.slice(0, STACK_CHARS) : '',
  };
  if (typeof failure === 'object' && failure !== null) {
    return { ...data, code: 'EXTENSION_FAILED', failure };
  }
  // Refusals of the host keep their code; the host checks that it is one a guest may carry.
  if (typeof code === 'string') {
    const hint = remedy ?? (details as { remedy?: unknown } | undefined)?.remedy;
    Object.assign(data, { code: code.slice(0, 64), remedy: hint, details });
  }
  return data;
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    freeze(value);
  }
  return value;
}
