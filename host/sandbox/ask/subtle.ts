// crypto.subtle for one isolate, by Node's own webcrypto. Keys stay here; the guest holds numbers.

import { webcrypto } from 'node:crypto';

import { LIMITS } from '../../limits.ts';
import { createKeyTable } from './key-table.ts';

type Values = readonly unknown[];
/** Node has it; its types do not yet. */
type Supporting = { supports(...values: Values): boolean };

const { subtle } = webcrypto;
const OPERATIONS = new Set([
  'digest',
  'generateKey',
  'importKey',
  'exportKey',
  'sign',
  'verify',
  'encrypt',
  'decrypt',
  'deriveBits',
  'deriveKey',
  'wrapKey',
  'unwrapKey',
  'getPublicKey',
  'encapsulateBits',
  'encapsulateKey',
  'decapsulateBits',
  'decapsulateKey',
]);
/**
 * The most that a value inside an algorithm may be: Node does the work on its thread pool, in memory that
 * no isolate's limit covers. Lengths are bits; `memory` is KiB, by the Argon2 algorithms.
 */
const COST_MAX: Readonly<Record<string, number>> = {
  iterations: 10_000_000,
  modulusLength: 8_192,
  length: 8 * 1024 * 1024,
  outputLength: 8 * 1024 * 1024,
  memory: 64 * 1024,
  passes: 100,
  parallelism: 16,
};
/** Operations that run at a time, as the thread pool has threads. */
const RUNNING_MAX = 4;

/** The keys of one isolate, and what can be done with them. */
export function createKeys(): {
  run(request: unknown): Promise<unknown>;
  drop(text: string): string;
  supports(text: string): string;
} {
  const table = createKeyTable();
  const turnstile = createTurnstile();
  return {
    drop(text) {
      table.drop(Number(text));
      return '';
    },
    async run(request) {
      const { op, values } = request as { op?: unknown; values?: unknown };
      if (typeof op !== 'string' || !OPERATIONS.has(op) || !Array.isArray(values)) {
        throw new TypeError('Unknown operation');
      }
      const given = values.map(table.unpack);
      checkCost(given);
      if (op === 'deriveBits') checkCost([{ length: given[2] }]);
      // Node checks every argument itself; its errors carry the standard's names.
      const operation = subtle[op as 'digest'] as (...all: Values) => Promise<unknown>;
      return turnstile(async () => table.pack(await operation.apply(subtle, given)));
    },
    supports(text) {
      const values: unknown = JSON.parse(text);
      if (!Array.isArray(values)) throw new TypeError('Expected a list');
      const [operation, algorithm, more] = values.map(table.unpack);
      const all = [operation, algorithm, ...(values.length > 2 ? [more] : [])];
      return String((SubtleCrypto as unknown as Supporting).supports(...all));
    },
  };
}

function checkCost(values: Values): void {
  for (const value of values) {
    if (typeof value !== 'object' || value === null) continue;
    for (const [name, most] of Object.entries(COST_MAX)) {
      const asked = Number((value as Record<string, unknown>)[name] ?? 0);
      if (asked > most) throw new DOMException(`${name} is over ${most}`, 'OperationError');
    }
  }
}

/** Lets `RUNNING_MAX` operations run at a time; the others wait, up to a bound. */
function createTurnstile(): (work: () => Promise<unknown>) => Promise<unknown> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= RUNNING_MAX) {
      if (waiting.length >= LIMITS.subtleQueue) {
        throw new DOMException(
          `More than ${LIMITS.subtleQueue} operations wait: await some first`,
          'OperationError',
        );
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
}
