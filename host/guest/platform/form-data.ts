// FormData with its two encodings, by the XHR and HTML standards.

import { blobBytes, File, isBlob, join } from './blob.ts';
import type { Blob } from './blob.ts';
import { decodeText, encodeText } from './encoding.ts';
import { createSlots } from './slots.ts';
import { parseQuery } from './url.ts';
import { defineInterface, defineIterable, needs, usv } from './webidl.ts';
import type { Iterated } from './webidl.ts';

type Entry = [name: string, value: string | File];

const lists = createSlots<FormData, { entries: Entry[] }>();

function listOf(form: FormData): { entries: Entry[] } {
  const list = lists.get(form);
  if (list === undefined) throw new TypeError('Illegal invocation');
  return list;
}

/** Whether a value is one of our forms. */
export function isFormData(value: unknown): value is FormData {
  return typeof value === 'object' && value !== null && lists.has(value as FormData);
}

/** Fields of a form. */
export class FormData implements Iterated<string, string | File> {
  declare entries: () => IterableIterator<Entry>;
  declare keys: () => IterableIterator<string>;
  declare values: () => IterableIterator<string | File>;
  declare forEach: Iterated<string, string | File>['forEach'];
  declare [Symbol.iterator]: () => IterableIterator<Entry>;

  constructor(form?: unknown) {
    if (form !== undefined) throw new TypeError('There are no forms here: FormData takes nothing');
    lists.set(this, { entries: [] });
  }

  append(name: string, value: unknown, filename?: string): void {
    listOf(this).entries.push(toEntry(name, value, filename, arguments.length));
  }
  delete(name: string): void {
    needs(arguments, 1, 'delete');
    const list = listOf(this);
    const wanted = usv(name);
    list.entries = list.entries.filter(([key]) => key !== wanted);
  }
  get(name: string): string | File | null {
    needs(arguments, 1, 'get');
    const wanted = usv(name);
    return listOf(this).entries.find(([key]) => key === wanted)?.[1] ?? null;
  }
  getAll(name: string): (string | File)[] {
    needs(arguments, 1, 'getAll');
    const wanted = usv(name);
    return listOf(this)
      .entries.filter(([key]) => key === wanted)
      .map(([, value]) => value);
  }
  has(name: string): boolean {
    needs(arguments, 1, 'has');
    const wanted = usv(name);
    return listOf(this).entries.some(([key]) => key === wanted);
  }
  set(name: string, value: unknown, filename?: string): void {
    const entry = toEntry(name, value, filename, arguments.length);
    const list = listOf(this);
    const at = list.entries.findIndex(([key]) => key === entry[0]);
    if (at < 0) list.entries.push(entry);
    else {
      list.entries[at] = entry;
      list.entries = list.entries.filter(([key], index) => index <= at || key !== entry[0]);
    }
  }
}
defineIterable(FormData.prototype, 'FormData', (form, at) => listOf(form).entries[at]);
defineInterface(FormData, 'FormData', { constructor: 0, append: 2, set: 2 });

/** A form as `multipart/form-data` bytes. */
export function encodeMultipart(form: FormData, boundary: string): Uint8Array<ArrayBuffer> {
  const runs: Uint8Array[] = [];
  for (const [name, value] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escape(lines(name))}"`;
    if (typeof value === 'string') {
      runs.push(encodeText(`${head}\r\n\r\n${lines(value)}\r\n`));
    } else {
      const type = value.type === '' ? 'application/octet-stream' : value.type;
      const file = `; filename="${escape(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`;
      runs.push(encodeText(head + file), blobBytes(value), encodeText('\r\n'));
    }
  }
  runs.push(encodeText(`--${boundary}--\r\n`));
  return join(runs);
}

/** `application/x-www-form-urlencoded` text as a form. */
export function parseUrlEncoded(text: string): FormData {
  const form = new FormData();
  for (const [name, value] of parseQuery(text)) form.append(name, value);
  return form;
}

/** `multipart/form-data` bytes as a form. @throws {TypeError} When the parts cannot be told apart */
export function parseMultipart(bytes: Uint8Array, boundary: string): FormData {
  const form = new FormData();
  const delimiter = encodeText(`--${boundary}`);
  let at = find(bytes, delimiter, 0);
  if (at < 0) throw new TypeError('The body holds no part of the form');
  for (;;) {
    at += delimiter.length;
    if (bytes[at] === 45 && bytes[at + 1] === 45) return form;
    const start = find(bytes, LINE, at) + 2;
    const end = find(bytes, BLANK, start - 2);
    const next = find(bytes, delimiter, end);
    if (start < 2 || end < 0 || next < 0) throw new TypeError('A part of the form is not complete');
    addPart(form, decodeText(bytes.subarray(start, end)), bytes.slice(end + 4, next - 2));
    at = next;
  }
}

const LINE = encodeText('\r\n');
const BLANK = encodeText('\r\n\r\n');

function addPart(form: FormData, head: string, body: Uint8Array<ArrayBuffer>): void {
  const disposition = /^content-disposition:\s*form-data;(.*)$/im.exec(head)?.[1] ?? '';
  const name = /(?:^|[;\s])name="([^"]*)"/.exec(disposition)?.[1];
  if (name === undefined) throw new TypeError('A part of the form has no name');
  const filename = /filename="([^"]*)"/.exec(disposition)?.[1];
  if (filename === undefined) return form.append(unescape(name), decodeText(body));
  const type = /^content-type:\s*(.*?)\s*$/im.exec(head)?.[1] ?? 'text/plain';
  form.append(unescape(name), new File([body], unescape(filename), { type }));
}

function find(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  const [first = 0] = wanted;
  for (
    let at = bytes.indexOf(first, Math.max(0, from));
    at >= 0;
    at = bytes.indexOf(first, at + 1)
  ) {
    if (wanted.every((byte, offset) => bytes[at + offset] === byte)) return at;
  }
  return -1;
}

function toEntry(name: string, value: unknown, filename: string | undefined, count: number): Entry {
  if (count < 2) throw new TypeError('A field needs a name and a value');
  if (!isBlob(value)) {
    if (count > 2 && filename !== undefined) throw new TypeError('Only a blob has a file name');
    return [usv(name), usv(value)];
  }
  if (value instanceof File && filename === undefined) return [usv(name), value];
  const lastModified = value instanceof File ? { lastModified: value.lastModified } : {};
  const title = filename ?? (value instanceof File ? value.name : 'blob');
  return [usv(name), new File([value as Blob], title, { type: value.type, ...lastModified })];
}

function lines(text: string): string {
  return text.replaceAll(/\r\n?|\n/g, '\r\n');
}

function escape(text: string): string {
  return text.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22');
}

function unescape(text: string): string {
  return text.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%22', '"');
}
