// Where sealed values lie in the tables, and to which place each is bound. Whoever seals something new
// that the store keeps adds it here: a rotation seals anew what is named, and nothing else.

import { deliveryPlace } from './sealed-deliveries.ts';
import type { Cell } from './tables.ts';
import { isSealed } from './vault.ts';
import type { SecretPlaceKey } from './vault.ts';

/** A row by the names of its columns. */
export type NamedRow = Readonly<Record<string, Cell>>;

/** Opens with the old key and seals with the new one; takes and gives the base64 text. */
export type Reseal = (sealed: string, place: SecretPlaceKey) => string;

/** The sealed values of one column. */
export type SealedColumn = {
  readonly table: string;
  /** What names a row. */
  readonly keys: readonly string[];
  readonly column: string;
  /** The text with every sealed value in it sealed anew; the same when there is none. */
  readonly renew: (text: string, row: NamedRow, reseal: Reseal) => string;
};

/** Field values: `{"field":{"$sealed":"…"}}`, bound to the instance and the field. */
const renewConfig: SealedColumn['renew'] = (text, row, reseal) => {
  const config = JSON.parse(text) as Record<string, unknown>;
  const instance = [row['category'], row['name'], row['instance']].join('/');
  let isSame = true;
  for (const [field, value] of Object.entries(config)) {
    if (!isSealed(value)) continue;
    config[field] = { $sealed: reseal(value.$sealed, { instance, field }) };
    isSame = false;
  }
  return isSame ? text : JSON.stringify(config);
};

/** A text that is sealed as a whole, bound to its call; see recorder/recorder.ts. */
const renewRecorded: SealedColumn['renew'] = (text, row, reseal) =>
  reseal(text, { instance: String(row['instance']), field: `call:${String(row['call_id'])}` });

/** A delivery's payload, bound to the delivery; see sealed-deliveries.ts. */
const renewDelivery: SealedColumn['renew'] = (text, row, reseal) =>
  reseal(text, deliveryPlace({ id: String(row['id']), target: String(row['target']) }));

/** What is shown once in the outcome of an operation, bound to it; see lifecycle/idempotency.ts. */
const renewOperation: SealedColumn['renew'] = (text, row, reseal) => {
  const stored = JSON.parse(text) as { oneTime?: string };
  if (stored.oneTime === undefined) return text;
  const place = operationPlace(String(row['instance']), String(row['key']));
  return JSON.stringify({ ...stored, oneTime: reseal(stored.oneTime, place) });
};

/** A credential that a vendor gave, bound to its stand-in; see lifecycle/earned-shelf.ts. */
const renewEarned: SealedColumn['renew'] = (text, row, reseal) =>
  reseal(text, earnedPlace(String(row['instance']), String(row['id'])));

/** Where a credential that a vendor gave is bound to. */
export function earnedPlace(instance: string, id: string): SecretPlaceKey {
  return { instance, field: `earned:${id}` };
}

/** Where what an operation shows once is bound to. */
export function operationPlace(instance: string, key: string): SecretPlaceKey {
  return { instance, field: `operation:${key}` };
}

/** Every column that holds sealed values. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: 'instances',
    keys: ['category', 'name', 'instance'],
    column: 'config',
    renew: renewConfig,
  },
  {
    table: 'config_history',
    keys: ['category', 'name', 'instance', 'version'],
    column: 'config',
    renew: renewConfig,
  },
  { table: 'calls', keys: ['call_id'], column: 'sealed', renew: renewRecorded },
  { table: 'effects', keys: ['call_id', 'sequence'], column: 'request', renew: renewRecorded },
  { table: 'effects', keys: ['call_id', 'sequence'], column: 'reply', renew: renewRecorded },
  { table: 'deliveries', keys: ['seq'], column: 'payload', renew: renewDelivery },
  { table: 'earned', keys: ['instance', 'id'], column: 'sealed', renew: renewEarned },
  { table: 'operations', keys: ['instance', 'key'], column: 'outcome', renew: renewOperation },
];
