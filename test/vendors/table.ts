// The table of `npm run vendors`: rows of operations that were run, each with what judged its requests.

import type { Answer, TestHost } from '../helpers/host.ts';
import { readJudged } from './oracle.ts';

/** One operation that was run; `–`: the extension has no such handler. */
export type Row = {
  readonly extension: string;
  readonly operation: string;
  readonly result: string;
  /** Requests of this operation, by what judged them. */
  readonly judged: ReadonlyMap<string, number>;
};

/** Runs one operation of one extension and keeps the row; undefined when it failed. */
export type Run = (operation: string, act: () => Promise<unknown>) => Promise<any>;

/** The table and the host that it is made with. */
export type Table = {
  readonly host: TestHost;
  readonly rows: Row[];
  /** Calls a handler; `extension` may name an instance. @throws When it fails, with what was said */
  call(extension: string, handler: string, input: unknown): Promise<any>;
  runner(extension: string): Run;
  /** Notes that an extension has no such handler. */
  absent(extension: string, operation: string): void;
};

const MESSAGE_CHARS = 400;

/** An empty table. */
export function createTable(host: TestHost): Table {
  const rows: Row[] = [];
  return {
    host,
    rows,
    async call(extension, handler, input) {
      const { status, body } = await host.call(extension, handler, input);
      if (status === 200 && body.result?.status !== 'failed') return body.result;
      throw new Error(body.details?.failure?.message ?? body.detail ?? JSON.stringify(body));
    },
    runner: (extension) => async (operation, act) => {
      const before = readJudged(extension);
      const keep = (result: string): void => {
        rows.push({ extension, operation, result, judged: since(extension, before) });
      };
      try {
        const value = await act();
        keep('works');
        return value;
      } catch (error) {
        keep(`FAILS: ${(error as Error).message.slice(0, MESSAGE_CHARS)}`);
        return undefined;
      }
    },
    absent: (extension, operation) =>
      void rows.push({ extension, operation, result: '–', judged: new Map() }),
  };
}

/** @throws When the host did not answer 2xx */
export function must({ status, body }: Answer): any {
  if (status < 300) return body;
  throw new Error(`${status}: ${JSON.stringify(body)}`);
}

/** @throws With a sentence about the first difference */
export function expect(what: string, found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what} is ${a}, not ${b}`);
}

/** The table as text. @returns It, and how many operations failed */
export function print(rows: readonly Row[]): { readonly text: string; readonly failed: number } {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  const sorted = rows.toSorted((a, b) => (a.extension < b.extension ? -1 : 1));
  const table = [
    line(['extension', 'operation', 'result', 'requests, and what judged them']),
    line(['---', '---', '---', '---']),
    ...sorted.map(({ extension, operation, result, judged }) =>
      line([extension, operation, result, describe(judged)]),
    ),
  ];
  const totals = sum(rows.map(({ judged }) => judged));
  const failed = rows.filter(({ result }) => result.startsWith('FAILS')).length;
  const worked = rows.filter(({ result }) => result === 'works').length;
  const extensions = new Set(rows.map(({ extension }) => extension)).size;
  const count = [...totals.values()].reduce((all, each) => all + each, 0);
  const judges = [...totals].toSorted(([, a], [, b]) => b - a);
  return {
    failed,
    text: [
      ...table,
      `\n${extensions} extensions, ${worked} operations work, ${failed} fail\n`,
      `${count} requests: ${describe(new Map(judges))}\n`,
    ].join(''),
  };
}

function since(
  extension: string,
  before: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  return new Map(
    [...readJudged(extension)].flatMap(([oracle, count]): [string, number][] => {
      const more = count - (before.get(oracle) ?? 0);
      return more > 0 ? [[oracle, more]] : [];
    }),
  );
}

function sum(all: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const total = new Map<string, number>();
  for (const each of all) {
    for (const [oracle, count] of each) total.set(oracle, (total.get(oracle) ?? 0) + count);
  }
  return total;
}

function describe(judged: ReadonlyMap<string, number>): string {
  if (judged.size === 0) return 'none';
  return [...judged].map(([oracle, count]) => `${count} ${oracle}`).join(', ');
}
