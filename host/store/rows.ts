// Rows of the SQLite driver ↔ the store's own types. Pure.

import type { SQLOutputValue } from 'node:sqlite';

import type {
  ArchiveRow,
  AuditRow,
  ConfigVersion,
  GenerationRow,
  InstanceRow,
  OperationRow,
  TokenRow,
} from './store.ts';

/** One row as SQLite gives it. */
export type Row = Record<string, SQLOutputValue>;

const text = (value: SQLOutputValue | undefined): string => String(value ?? '');
const textOrNull = (value: SQLOutputValue | undefined): string | null =>
  value === null || value === undefined ? null : String(value);
const json = (value: SQLOutputValue | undefined): unknown =>
  value === null || value === undefined ? null : JSON.parse(String(value));

/** What the database holds was written by this host: its shapes are those of `instanceValues`. */
export function instanceOf(row: Row): InstanceRow {
  const trusted = row['trusted'];
  return {
    category: text(row['category']) as InstanceRow['category'],
    name: text(row['name']),
    instance: text(row['instance']),
    enabled: row['enabled'] === 1,
    trusted: trusted === null || trusted === undefined ? null : trusted === 1,
    pinned: textOrNull(row['pinned']),
    config: json(row['config']) as InstanceRow['config'],
    configVersion: Number(row['config_version']),
    grants: json(row['grants']) as InstanceRow['grants'],
    asked: json(row['asked']) as InstanceRow['asked'],
    installedVersion: textOrNull(row['installed_version']),
  };
}

/** In the order of the columns. */
export function instanceValues(row: InstanceRow): (string | number | null)[] {
  const { grants, asked, trusted } = row;
  return [
    ...[row.category, row.name, row.instance, row.enabled ? 1 : 0],
    ...[trusted === null ? null : trusted ? 1 : 0, row.pinned],
    ...[JSON.stringify(row.config), row.configVersion],
    ...[grants === null ? null : JSON.stringify(grants)],
    ...[asked === null ? null : JSON.stringify(asked)],
    row.installedVersion,
  ];
}

export function generationOf(row: Row): GenerationRow {
  return {
    category: text(row['category']) as GenerationRow['category'],
    name: text(row['name']),
    generation: text(row['generation']),
    version: text(row['version']),
    at: text(row['at']),
    manifest: json(row['manifest']),
    description: json(row['description']),
    bundle: row['bundle'] as Uint8Array,
  };
}

export function archiveOf(row: Row): ArchiveRow {
  return {
    category: text(row['category']) as ArchiveRow['category'],
    name: text(row['name']),
    sha256: text(row['sha256']),
    at: text(row['at']),
    archive: row['archive'] as Uint8Array,
  };
}

export function configVersionOf(row: Row): ConfigVersion {
  return {
    version: Number(row['version']),
    config: json(row['config']) as ConfigVersion['config'],
    actor: text(row['actor']),
    at: text(row['at']),
  };
}

export function tokenOf(row: Row): TokenRow {
  return {
    id: text(row['id']),
    name: text(row['name']),
    role: text(row['role']) as TokenRow['role'],
    hash: text(row['hash']),
    createdAt: text(row['created_at']),
    expiresAt: textOrNull(row['expires_at']),
  };
}

export function auditOf(row: Row): AuditRow & { id: number } {
  const details = json(row['details']) as Record<string, unknown> | null;
  return {
    id: Number(row['id']),
    at: text(row['at']),
    actor: text(row['actor']),
    role: text(row['role']),
    action: text(row['action']),
    subject: text(row['subject']),
    outcome: text(row['outcome']),
    ...(details === null ? {} : { details }),
  };
}

export function operationOf(row: Row): OperationRow {
  return {
    instance: text(row['instance']),
    key: text(row['key']),
    callId: text(row['call_id']),
    handler: text(row['handler']),
    inputHash: text(row['input_hash']),
    startedAt: text(row['started_at']),
    state: text(row['state']) as OperationRow['state'],
    outcome: textOrNull(row['outcome']),
  };
}
