// `console` and unhandled errors: lines for the instance's log. Values are shown short and never run.

import { FRAME } from '../../frames.ts';
import { send } from '../bridge.ts';
import { nowMs } from './time.ts';

const LINE_CHARS = 4_000;
const DEPTH = 3;
const ITEMS = 50;

/** Writes an error that nobody caught. */
export function reportError(error: unknown): void {
  write('error', `Uncaught ${show(error)}`);
}

/** Writes one line to the instance's log. */
export function write(level: 'debug' | 'info' | 'warn' | 'error', message: string): void {
  send(FRAME.log, 0, JSON.stringify({ level, message: message.slice(0, LINE_CHARS) }));
}

/** Makes the global `console`. */
export function createConsole(): Record<string, unknown> {
  const counts = new Map<string, number>();
  const timers = new Map<string, number>();
  let indent = '';
  const line =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (...values: unknown[]): void =>
      write(level, indent + format(values));
  const nothing = (): void => undefined;
  return {
    log: line('info'),
    info: line('info'),
    debug: line('debug'),
    warn: line('warn'),
    error: line('error'),
    trace: line('debug'),
    dir: (value: unknown) => write('info', indent + show(value)),
    dirxml: line('info'),
    table: line('info'),
    assert: (ok: unknown, ...values: unknown[]) => {
      if (!ok) write('error', `${indent}Assertion failed ${format(values)}`.trimEnd());
    },
    count: (label: unknown = 'default') => {
      const name = String(label);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      write('info', `${indent}${name}: ${counts.get(name)}`);
    },
    countReset: (label: unknown = 'default') => counts.delete(String(label)),
    group: (...values: unknown[]) => {
      if (values.length > 0) write('info', indent + format(values));
      indent = `${indent}  `.slice(0, 40);
    },
    groupCollapsed: (...values: unknown[]) => {
      if (values.length > 0) write('info', indent + format(values));
      indent = `${indent}  `.slice(0, 40);
    },
    groupEnd: () => {
      indent = indent.slice(2);
    },
    time: (label: unknown = 'default') => timers.set(String(label), nowMs()),
    timeLog: (label: unknown = 'default') => timeLine(String(label)),
    timeEnd: (label: unknown = 'default') => {
      timeLine(String(label));
      timers.delete(String(label));
    },
    clear: nothing,
    [Symbol.toStringTag]: 'console',
  };

  function timeLine(label: string): void {
    write('info', `${indent}${label}: ${nowMs() - (timers.get(label) ?? nowMs())} ms`);
  }
}

/** printf-like directives, then everything else separated by blanks. */
function format(values: unknown[]): string {
  const [first, ...rest] = values;
  if (typeof first !== 'string') return values.map((value) => plain(value)).join(' ');
  let next = 0;
  const text = first.replaceAll(/%([sdifoOc%])/g, (directive, kind: string) => {
    if (kind === '%') return '%';
    if (next >= rest.length) return directive;
    const value = rest[next++];
    if (kind === 'c') return '';
    if (kind === 'd' || kind === 'f') return String(Number(value));
    if (kind === 'i') return String(Math.trunc(Number(value)));
    return kind === 's' ? plain(value) : show(value);
  });
  return [text, ...rest.slice(next).map((value) => plain(value))].join(' ');
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : show(value);
}

/** A value as one short text. */
export function show(value: unknown, depth = 0, seen: readonly unknown[] = []): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `[function ${value.name || 'anonymous'}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (seen.includes(value)) return '[circular]';
  try {
    return showObject(value, depth, [...seen, value]);
  } catch (error) {
    // A getter or proxy of the guest threw: the line says so instead of being lost.
    return `[not showable: ${error instanceof Error ? error.name : 'threw'}]`;
  }
}

function showObject(value: object, depth: number, seen: readonly unknown[]): string {
  if (value instanceof Error) return String(value.stack ?? value);
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (depth >= DEPTH) return Array.isArray(value) ? '[array]' : '[object]';
  const inner = (each: unknown): string => show(each, depth + 1, seen);
  if (Array.isArray(value)) {
    return `[${limited(value.slice(0, ITEMS).map(inner), value.length)}]`;
  }
  if (value instanceof Map) {
    const items = [...value.entries()]
      .slice(0, ITEMS)
      .map(([k, v]) => `${inner(k)} => ${inner(v)}`);
    return `Map {${limited(items, value.size)}}`;
  }
  if (value instanceof Set) {
    return `Set {${limited([...value].slice(0, ITEMS).map(inner), value.size)}}`;
  }
  if (ArrayBuffer.isView(value)) return `[${value.constructor.name} ${value.byteLength} bytes]`;
  const keys = Object.keys(value);
  const name = value.constructor?.name ?? 'null';
  const body = keys
    .slice(0, ITEMS)
    .map((key) => `${key}: ${inner((value as Record<string, unknown>)[key])}`);
  return `${name === 'Object' ? '' : `${name} `}{${limited(body, keys.length)}}`;
}

function limited(items: string[], length: number): string {
  const more = length - items.length;
  return (more > 0 ? [...items, `… ${more} more`] : items).join(', ');
}
