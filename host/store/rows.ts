// Rows of the SQLite driver ↔ the store's own types. Pure.

import type { SQLOutputValue } from 'node:sqlite';

import type { AuditEntry } from './audit.ts';
import type { DeliveryRow } from './deliveries.ts';
import type { EarnedRow } from './earned.ts';
import type { FactRow, PaymentAsk, RelatedSum } from './facts.ts';
import type { SightingRow } from './sightings.ts';
import type { CallRow, EffectRow } from './recordings.ts';
import type {
  ArchiveRow,
  ConfigVersion,
  GenerationRow,
  GrantChange,
  InstanceRow,
  OperationRow,
  TokenRow,
} from './store.ts';

/** One row as SQLite gives it. */
export type Row = Record<string, SQLOutputValue>;

const text = (value: SQLOutputValue | undefined): string => String(value ?? '');
const textOrNull = (value: SQLOutputValue | undefined): string | null =>
  value === null || value === undefined ? null : String(value);
const numberOrNull = (value: SQLOutputValue | undefined): number | null =>
  value === null || value === undefined ? null : Number(value);
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

/** What requests of an instance did. */
export function sightingOf(row: Row): SightingRow {
  return {
    instance: text(row['instance']),
    kind: text(row['kind']) as SightingRow['kind'],
    key: text(row['key']),
    count: Number(row['count']),
    firstMs: Number(row['first_ms']),
    lastMs: Number(row['last_ms']),
    details: json(row['details']) as SightingRow['details'],
  };
}

/** A credential that a vendor gave. */
export function earnedOf(row: Row): EarnedRow {
  return {
    instance: text(row['instance']),
    id: text(row['id']),
    field: text(row['field']),
    sealed: text(row['sealed']),
    madeMs: Number(row['made_ms']),
    expiresMs: numberOrNull(row['expires_ms']),
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

/** A generation without its bundle. */
export function generationHeadOf(row: Row): Omit<GenerationRow, 'bundle'> {
  const { bundle: _left, ...head } = generationOf(row);
  return head;
}

/** An archive's row without the archive. */
export function archiveHeadOf(row: Row): Omit<ArchiveRow, 'archive'> {
  const { archive: _left, ...head } = archiveOf(row);
  return head;
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

export function grantChangeOf(row: Row): GrantChange {
  return {
    action: text(row['action']),
    actor: text(row['actor']),
    at: text(row['at']),
    grants: json(row['grants']) as GrantChange['grants'],
    added: json(row['added']) as GrantChange['added'],
    removed: json(row['removed']) as GrantChange['removed'],
  };
}

/** In the order of the columns, after those that name the instance and the sequence. */
export function grantChangeValues(change: GrantChange): (string | null)[] {
  const { action, actor, at, grants, added, removed } = change;
  return [
    ...[action, actor, at, grants === null ? null : JSON.stringify(grants)],
    ...[JSON.stringify(added), JSON.stringify(removed)],
  ];
}

export function tokenOf(row: Row): TokenRow {
  return {
    id: text(row['id']),
    name: text(row['name']),
    role: text(row['role']) as TokenRow['role'],
    hash: text(row['hash']),
    createdAt: text(row['created_at']),
    expiresAt: textOrNull(row['expires_at']),
    scope: json(row['scope']) as TokenRow['scope'],
    requestsPerMinute: numberOrNull(row['requests_per_minute']),
  };
}

/** In the order of the columns. */
export function tokenValues(token: TokenRow): (string | number | null)[] {
  const { id, name, role, hash, createdAt, expiresAt, scope, requestsPerMinute } = token;
  return [
    ...[id, name, role, hash, createdAt, expiresAt],
    ...[scope === null ? null : JSON.stringify(scope), requestsPerMinute],
  ];
}

export function auditOf(row: Row): AuditEntry {
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

export function deliveryOf(row: Row): DeliveryRow {
  return {
    seq: Number(row['seq']),
    id: text(row['id']),
    kind: text(row['kind']) as DeliveryRow['kind'],
    target: text(row['target']),
    subject: text(row['subject']),
    type: text(row['type']),
    dedupe: text(row['dedupe']),
    payload: text(row['payload']),
    state: text(row['state']) as DeliveryRow['state'],
    attempt: Number(row['attempt']),
    dueMs: Number(row['due_ms']),
    createdMs: Number(row['created_ms']),
    endedMs: numberOrNull(row['ended_ms']),
    error: textOrNull(row['error']),
  };
}

export function factOf(row: Row): FactRow {
  const matched = row['matched'];
  return {
    seq: Number(row['seq']),
    instance: text(row['instance']),
    externalId: text(row['external_id']),
    kind: text(row['kind']) as FactRow['kind'],
    saidState: text(row['said_state']) as FactRow['state'],
    state: text(row['state']) as FactRow['state'],
    amountMinor: Number(row['amount_minor']),
    currency: text(row['currency']),
    invoiceId: textOrNull(row['invoice_id']),
    feeMinor: numberOrNull(row['fee_minor']),
    relatedExternalId: textOrNull(row['related_external_id']),
    refundedMinor: Number(row['refunded_minor']),
    matched: matched === null || matched === undefined ? null : matched === 1,
    problem: textOrNull(row['problem']),
    firstMs: Number(row['first_ms']),
    changedMs: Number(row['changed_ms']),
  };
}

/** Facts that refer to one payment, added up. */
export function relatedSumOf(row: Row): RelatedSum {
  return {
    kind: text(row['kind']) as RelatedSum['kind'],
    saidState: text(row['said_state']) as RelatedSum['saidState'],
    currency: text(row['currency']),
    amountMinor: Number(row['amount_minor']),
    count: Number(row['count']),
  };
}

/** In the order of the columns. */
export function factValues(row: FactRow): (string | number | null)[] {
  return [
    ...[row.instance, row.externalId, row.seq, row.kind, row.saidState, row.state],
    ...[row.amountMinor, row.currency],
    ...[row.invoiceId, row.feeMinor, row.relatedExternalId, row.refundedMinor],
    ...[row.matched === null ? null : row.matched ? 1 : 0, row.problem, row.firstMs, row.changedMs],
  ];
}

export function askOf(row: Row): PaymentAsk {
  return {
    instance: text(row['instance']),
    invoiceId: text(row['invoice_id']),
    amountMinor: Number(row['amount_minor']),
    currency: text(row['currency']),
    atMs: Number(row['at_ms']),
  };
}

export function callOf(row: Row): CallRow {
  return {
    callId: text(row['call_id']),
    instance: text(row['instance']),
    handler: text(row['handler']),
    actor: text(row['actor']),
    state: text(row['state']) as CallRow['state'],
    startedMs: Number(row['started_ms']),
    replayOf: textOrNull(row['replay_of']),
    receipt: textOrNull(row['receipt']),
    error: textOrNull(row['error']),
    sealed: textOrNull(row['sealed']),
  };
}

/** In the order of the columns. */
export function callValues(row: CallRow): (string | number | null)[] {
  return [
    ...[row.callId, row.instance, row.handler, row.actor, row.state, row.startedMs, row.replayOf],
    ...[row.receipt, row.error, row.sealed],
  ];
}

export function effectOf(row: Row): EffectRow {
  return {
    callId: text(row['call_id']),
    instance: text(row['instance']),
    sequence: Number(row['sequence']),
    request: text(row['request']),
    reply: textOrNull(row['reply']),
  };
}
