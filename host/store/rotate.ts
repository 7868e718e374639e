// A new master key: every sealed value is opened with the old one and sealed with the new one, all in one
// transaction with the mark that says which key holds.

import { HostError } from '../errors.ts';
import { KEY_MARK, opensKeyMark, sealKeyMark } from './master-key.ts';
import type { Cell, ReadTable, Table, TableWriter, Tables } from './tables.ts';
import { createVault, isSealed } from './vault.ts';
import type { Vault } from './vault.ts';

/** The tables with configs, and what names a row of each. */
const SEALED: Readonly<Record<string, readonly string[]>> = {
  instances: ['category', 'name', 'instance'],
  config_history: ['category', 'name', 'instance', 'version'],
};

type Row = Readonly<Record<string, Cell>>;

/** A row whose secrets are sealed anew. */
type Resealed = { readonly table: Table; readonly row: Row; readonly config: string };

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
  const marks = list.find(({ name }) => name === 'marks');
  if (marks === undefined) throw new HostError('HOST_STORE_FAILED', 'The store has no marks');
  const vaults = { from: createVault(from), to: createVault(to) };
  const { mark, rows, secrets } = await tables.snapshot(async (read) => {
    const mark = await readMark(read, marks);
    if (mark !== undefined && opensKeyMark(mark, to)) return { mark, rows: [], secrets: 0 };
    return { mark, ...(await resealRows(list, read, vaults)) };
  });
  if (mark !== undefined && opensKeyMark(mark, to)) return { changed: false, secrets: 0 };
  await tables.transaction(async (writer) => {
    for (const { table, row, config } of rows) {
      const keys = SEALED[table.name] ?? [];
      const where = Object.fromEntries(keys.map((key) => [key, row[key] ?? null]));
      await writer.update(table, { column: 'config', value: config, where });
    }
    await putMark(writer, marks, { isThere: mark !== undefined, text: sealKeyMark(to) });
  });
  return { changed: true, secrets };
}

/** The mark of a store; undefined before its first start. */
export async function findKeyMark(tables: Tables): Promise<string | undefined> {
  const marks = (await tables.list()).find(({ name }) => name === 'marks');
  if (marks === undefined) return undefined;
  return tables.snapshot((read) => readMark(read, marks));
}

async function resealRows(
  list: readonly Table[],
  read: ReadTable,
  vaults: { readonly from: Vault; readonly to: Vault },
): Promise<{ rows: Resealed[]; secrets: number }> {
  const rows: Resealed[] = [];
  let secrets = 0;
  for (const table of list.filter(({ name }) => name in SEALED)) {
    for await (const row of readRows(read, table)) {
      const instance = [row['category'], row['name'], row['instance']].join('/');
      const config = JSON.parse(String(row['config'])) as Record<string, unknown>;
      const sealed = Object.entries(config).filter(([, value]) => isSealed(value));
      if (sealed.length === 0) continue;
      for (const [field, value] of sealed) {
        if (!isSealed(value)) continue;
        const place = { instance, field };
        config[field] = vaults.to.seal(vaults.from.open(value, place), place);
        secrets += 1;
      }
      rows.push({ table, row, config: JSON.stringify(config) });
    }
  }
  return { rows, secrets };
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
  const cells: Row = { name: KEY_MARK, text };
  await writer.insert(marks, [marks.columns.map(({ name }) => cells[name] ?? null)]);
}

async function* readRows(read: ReadTable, table: Table): AsyncGenerator<Row> {
  for await (const batch of read(table)) {
    for (const cells of batch) {
      yield Object.fromEntries(table.columns.map(({ name }, at) => [name, cells[at] ?? null]));
    }
  }
}
