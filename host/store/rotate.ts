// A new master key: every sealed value is opened with the old one and sealed with the new one, all in one
// transaction with the mark that says which key holds.

import { HostError } from '../errors.ts';
import { KEY_MARK, opensKeyMark, sealKeyMark } from './master-key.ts';
import { SEALED_COLUMNS } from './sealed.ts';
import type { NamedRow, Reseal, SealedColumn } from './sealed.ts';
import type { Cell, ReadTable, Table, TableWriter, Tables } from './tables.ts';
import { createVault } from './vault.ts';

/** One row with sealed values, by its keys. */
type Target = {
  readonly table: Table;
  readonly sealed: SealedColumn;
  readonly where: Record<string, Cell>;
};

/** How a rotation ended. */
export type Rotation = {
  /** False when the store was sealed with the new key already. */
  readonly changed: boolean;
  readonly secrets: number;
};

/**
 * Reseals everything, whole or not at all; done again with the same keys it changes nothing.
 *
 * @param tables Of a store that no host uses
 * @throws {HostError} `HOST_STORE_FAILED` when a secret does not open with the old key
 */
export async function rotateKey(
  tables: Tables,
  { from, to }: { readonly from: Uint8Array; readonly to: Uint8Array },
): Promise<Rotation> {
  const list = await tables.list();
  const marks = marksOf(list);
  const mark = await tables.snapshot((read) => readMark(read, marks));
  if (mark !== undefined && opensKeyMark(mark, to)) return { changed: false, secrets: 0 };
  const vaults = { from: createVault(from), to: createVault(to) };
  let secrets = 0;
  const reseal: Reseal = ($sealed, place) => {
    secrets += 1;
    return vaults.to.seal(vaults.from.open({ $sealed }, place), place).$sealed;
  };
  // Keys alone: recordings may be large, so each is read when its turn comes.
  const targets = await tables.snapshot((read) => listTargets(list, read));
  await tables.transaction(async (writer) => {
    for (const target of targets) await renewRow(writer, target, reseal);
    await putMark(writer, marks, { isThere: mark !== undefined, text: sealKeyMark(to) });
  });
  return { changed: true, secrets };
}

/** The mark of a store; undefined before its first start. */
export async function findKeyMark(tables: Tables): Promise<string | undefined> {
  const marks = marksOf(await tables.list());
  return tables.snapshot((read) => readMark(read, marks));
}

function marksOf(list: readonly Table[]): Table {
  const marks = list.find(({ name }) => name === 'marks');
  if (marks !== undefined) return marks;
  throw new HostError('HOST_STORE_FAILED', 'The store has no table of marks');
}

async function listTargets(list: readonly Table[], read: ReadTable): Promise<Target[]> {
  const targets: Target[] = [];
  for (const sealed of SEALED_COLUMNS) {
    const table = list.find(({ name }) => name === sealed.table);
    if (table === undefined) {
      throw new HostError('HOST_STORE_FAILED', `The store has no table "${sealed.table}"`);
    }
    const columns = table.columns.filter(({ name }) => sealed.keys.includes(name));
    for await (const where of readRows(read, { name: table.name, columns })) {
      targets.push({ table, sealed, where });
    }
  }
  return targets;
}

async function renewRow(
  writer: TableWriter,
  { table, sealed, where }: Target,
  reseal: Reseal,
): Promise<void> {
  const cells = await writer.find(table, where);
  const row: NamedRow = named(table, cells ?? []);
  const text = row[sealed.column];
  if (typeof text !== 'string') return;
  const renewed = sealed.renew(text, row, reseal);
  if (renewed === text) return;
  await writer.update(table, { column: sealed.column, value: renewed, where });
}

async function readMark(read: ReadTable, marks: Table): Promise<string | undefined> {
  for await (const row of readRows(read, marks)) {
    if (row['name'] === KEY_MARK) return String(row['text']);
  }
  return undefined;
}

async function putMark(
  writer: TableWriter,
  marks: Table,
  { isThere, text }: { readonly isThere: boolean; readonly text: string },
): Promise<void> {
  if (isThere) {
    await writer.update(marks, { column: 'text', value: text, where: { name: KEY_MARK } });
    return;
  }
  const cells: NamedRow = { name: KEY_MARK, text };
  await writer.insert(marks, [marks.columns.map(({ name }) => cells[name] ?? null)]);
}

async function* readRows(read: ReadTable, table: Table): AsyncGenerator<Record<string, Cell>> {
  for await (const batch of read(table)) {
    for (const cells of batch) yield named(table, cells);
  }
}

function named({ columns }: Table, cells: readonly Cell[]): Record<string, Cell> {
  return Object.fromEntries(columns.map(({ name }, at) => [name, cells[at] ?? null]));
}
