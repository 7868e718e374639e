// A store as plain rows of plain tables, for what moves or rewrites all of them: backup, restore, a move
// to the other driver, a new master key. Both drivers have the same tables and columns.

import { HostError } from '../errors.ts';

/** One value of a row. */
export type Cell = string | number | null | Uint8Array;

/** One table. */
export type Table = { readonly name: string; readonly columns: readonly Column[] };

/** One column and what it holds. */
export type Column = { readonly name: string; readonly holds: 'text' | 'number' | 'bytes' };

/** Reads one table as it was when the snapshot began, in batches of rows; cells as the columns are. */
export type ReadTable = (table: Table) => AsyncIterable<readonly (readonly Cell[])[]>;

/** Writes inside one transaction. */
export type TableWriter = {
  /** One row as it is inside the transaction. */
  find(table: Table, where: Readonly<Record<string, Cell>>): Promise<readonly Cell[] | undefined>;
  clear(table: Table): Promise<void>;
  insert(table: Table, rows: readonly (readonly Cell[])[]): Promise<void>;
  /** Sets one column of the row that these others name. */
  update(
    table: Table,
    set: { readonly column: string; readonly value: Cell; readonly where: Record<string, Cell> },
  ): Promise<void>;
};

/** A store's tables. */
export type Tables = AsyncDisposable & {
  /** In the order of their names, without those of the migration. */
  list(): Promise<Table[]>;
  /** Shows one moment of all tables to `work`, whoever writes meanwhile. */
  snapshot<T>(work: (read: ReadTable) => Promise<T>): Promise<T>;
  /** Commits all that `work` writes, or nothing of it. */
  transaction<T>(work: (writer: TableWriter) => Promise<T>): Promise<T>;
};

/** How many rows went over, by table. */
export type CopyCount = Readonly<Record<string, number>>;

/**
 * Copies everything, whole or not at all.
 *
 * @param replace Whether what the target holds may go
 * @throws {HostError} `CALLER_CONFLICT` when the target holds something that may not go
 */
export async function copyTables(
  from: Tables,
  to: Tables,
  { replace }: { readonly replace: boolean },
): Promise<CopyCount> {
  const source = await from.list();
  const target = new Map((await to.list()).map((table) => [table.name, table]));
  const counts: Record<string, number> = {};
  if (!replace) await assertEmpty(to);
  await from.snapshot((read) =>
    to.transaction(async (writer) => {
      for (const table of target.values()) await writer.clear(table);
      for (const table of source) {
        const same = matching(table, target.get(table.name));
        counts[table.name] = 0;
        for await (const rows of read(table)) {
          await writer.insert(
            same,
            rows.map((row) => row.map((cell, at) => convert(cell, same.columns[at]?.holds))),
          );
          counts[table.name] = (counts[table.name] ?? 0) + rows.length;
        }
      }
    }),
  );
  return counts;
}

/** Marks are made by opening a store; a store with nothing else is empty. */
const UNCOUNTED = new Set(['marks']);

async function assertEmpty(to: Tables): Promise<void> {
  const tables = (await to.list()).filter(({ name }) => !UNCOUNTED.has(name));
  await to.snapshot(async (read) => {
    for (const table of tables) {
      for await (const rows of read(table)) {
        if (rows.length === 0) continue;
        throw new HostError(
          'CALLER_CONFLICT',
          `The target is not empty: "${table.name}" has rows`,
          {
            remedy: 'Name an empty store, or give --replace to "restore" to lose what is there',
          },
        );
      }
    }
  });
}

/** The target's table with its columns in the order of the source's. */
function matching(table: Table, target: Table | undefined): Table {
  const byName = new Map(target?.columns.map((column) => [column.name, column]));
  const columns = table.columns.flatMap(({ name }) => byName.get(name) ?? []);
  if (columns.length === table.columns.length && columns.length === byName.size) {
    return { name: table.name, columns };
  }
  throw new HostError('HOST_STORE_FAILED', `Table "${table.name}" is not the same in both stores`, {
    remedy: 'Open both with this version of the host once, so that their tables are renewed',
  });
}

function convert(cell: Cell, holds: Column['holds'] | undefined): Cell {
  if (holds === 'bytes' && typeof cell === 'string') return Buffer.from(cell);
  if (holds === 'text' && cell instanceof Uint8Array) return Buffer.from(cell).toString('utf8');
  return cell;
}
