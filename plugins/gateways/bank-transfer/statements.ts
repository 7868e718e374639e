// Bank statements as entries: CAMT.053 (ISO 20022, any version) and MT940 (SWIFT). Pure: what a file says,
// nothing matched. Amounts are read as text, never as a float.

import { fail, readAmount } from 'cofferdam/sdk';
import type { Money } from 'cofferdam/sdk';

import { all, parseXml, textAt } from './xml.ts';
import type { Element } from './xml.ts';

/** Characters of a file: with its escapes it fits into the mebibyte that a call may carry. */
const FILE_CHARS_MAX = 900_000;

/** Money that came to or left the account. */
export type Entry = {
  /** IBAN or the bank's own number, without spaces; empty when the file does not say */
  readonly account: string;
  readonly money: Money;
  /** `reversal`: the bank undid an earlier entry. */
  readonly kind: 'credit' | 'debit' | 'reversal';
  /** As the bank writes it: 2026-11-24 or 261124 */
  readonly date: string;
  /** The bank's own reference; not every bank gives one */
  readonly bankReference: string;
  /** Everything that the payer wrote, and the references that travelled with it */
  readonly text: string;
};

/** Reads a file of either kind. @throws `invalid_input` when it is neither, broken or too large */
export function readStatement(file: string): readonly Entry[] {
  const text = file.replace(/^\uFEFF/, '').trim();
  if (text.length > FILE_CHARS_MAX) {
    throw fail(
      'invalid_input',
      `Cannot read the statement: it has over ${FILE_CHARS_MAX} characters`,
      {
        remedy: 'Export a shorter time',
      },
    );
  }
  if (text.startsWith('<')) return readCamt(text);
  if (/^:20:/m.test(text) && /^:61:/m.test(text)) return readMt940(text);
  if (/^:20:/m.test(text) && /^:60[FM]:/m.test(text)) return [];
  throw fail('invalid_input', 'Cannot read the statement: it is neither CAMT.053 nor MT940', {
    remedy: 'Export the statement as CAMT.053 (XML) or MT940 (STA)',
  });
}

function readCamt(text: string): Entry[] {
  const statements = all(parseXml(text), 'Document', 'BkToCstmrStmt', 'Stmt');
  if (statements.length === 0) {
    throw fail('invalid_input', 'Cannot read the statement: the XML is no CAMT.053', {
      remedy: 'Export booked entries (CAMT.053), not notifications (CAMT.052, CAMT.054)',
    });
  }
  return statements.flatMap((statement) => {
    const account =
      textAt(statement, 'Acct', 'Id', 'IBAN') || textAt(statement, 'Acct', 'Id', 'Othr', 'Id');
    return all(statement, 'Ntry')
      .filter((entry) => {
        const status = textAt(entry, 'Sts', 'Cd') || textAt(entry, 'Sts');
        return status === '' || status === 'BOOK';
      })
      .flatMap((entry) => readCamtEntry(entry, account));
  });
}

/** A batch is one entry with many transactions, each with an amount of its own. */
function readCamtEntry(entry: Element, account: string): Entry[] {
  const details = all(entry, 'NtryDtls', 'TxDtls');
  const date = textAt(entry, 'BookgDt', 'Dt') || textAt(entry, 'BookgDt', 'DtTm').slice(0, 10);
  const isReversal = textAt(entry, 'RvslInd') === 'true';
  const parts = details.length > 1 ? details : [undefined];
  return parts.map((part): Entry => {
    const source = part ?? entry;
    const amount =
      all(source, 'Amt')[0] ?? all(source, 'AmtDtls', 'TxAmt', 'Amt')[0] ?? all(entry, 'Amt')[0];
    const currency = /\bCcy\s*=\s*["']([A-Z]{3})["']/.exec(amount?.attributes ?? '')?.[1] ?? '';
    const sign = textAt(source, 'CdtDbtInd') || textAt(entry, 'CdtDbtInd');
    const about = part === undefined ? details : [part];
    const words = about.flatMap((each) => [
      ...all(each, 'RmtInf', 'Strd', 'CdtrRefInf', 'Ref'),
      ...all(each, 'RmtInf', 'Ustrd'),
      ...all(each, 'Refs', 'EndToEndId'),
    ]);
    return {
      account: account.replaceAll(/\s/g, ''),
      money: readAmount(amount?.text.trim() ?? '', currency, 'The statement'),
      kind: isReversal ? 'reversal' : sign === 'CRDT' ? 'credit' : 'debit',
      date,
      bankReference: textAt(about[0], 'Refs', 'AcctSvcrRef') || textAt(entry, 'AcctSvcrRef') || '',
      text: [...words.map((word) => word.text.trim()), textAt(entry, 'AddtlNtryInf')].join('\n'),
    };
  });
}

function readMt940(text: string): Entry[] {
  const entries: Entry[] = [];
  let account = '';
  let currency = '';
  // A field starts a line with its tag and goes on until the next tag.
  for (const field of text.split(/\r?\n(?=:\d{2}[A-Z]?:|-\s*$|-\})/m)) {
    const [, tag = '', value = ''] = /^:(\d{2}[A-Z]?):([\s\S]*)$/.exec(field.trim()) ?? [];
    if (tag === '20') [account, currency] = ['', ''];
    if (tag === '25') account = (value.split('/').at(-1) ?? '').replaceAll(/\s/g, '');
    if (/^60[FM]$/.test(tag)) currency = /^[CD]\d{6}([A-Z]{3})/.exec(value)?.[1] ?? '';
    if (tag === '61') entries.push(readLine(value, { account, currency }));
    const last = entries.at(-1);
    if (tag === '86' && last !== undefined) {
      entries[entries.length - 1] = { ...last, text: `${last.text}\n${joinPurpose(value)}` };
    }
  }
  return entries;
}

function readLine(
  line: string,
  { account, currency }: { readonly account: string; readonly currency: string },
): Entry {
  const found =
    /^(\d{6})(?:\d{4})?(R?[CD])[A-Z]?(\d{1,15},\d{0,3})([A-Z][A-Z0-9]{3})([^\n]*)/.exec(line) ?? [];
  const [matched, date = '', mark = '', amount = '', , rest = ''] = found;
  if (matched === undefined || currency === '') {
    throw fail(
      'invalid_input',
      `Cannot read the statement: line ":61:${line.slice(0, 60)}" is broken`,
      {
        remedy: 'Export the statement again as CAMT.053 or MT940',
      },
    );
  }
  const [customer = '', bank = ''] = rest.split('//');
  return {
    account,
    money: readAmount(amount.replace(',', '.').replace(/\.$/, ''), currency, 'The statement'),
    kind: mark === 'C' ? 'credit' : mark === 'D' ? 'debit' : 'reversal',
    date,
    bankReference: bank.trim(),
    text: customer.trim(),
  };
}

/** Many banks number the lines of the purpose (`?20` to `?29`, `?60` to `?63`); the rest is about the payer. */
function joinPurpose(value: string): string {
  const flat = value.replaceAll(/\r?\n/g, '');
  const parts = [...flat.matchAll(/\?(?:2\d|6[0-3])([^?]*)/g)].map(([, part = '']) => part);
  return parts.length > 0 ? parts.join('') : flat;
}
