// Finds secrets in what comes back and blanks them. Where several fit, the leftmost and longest wins, so
// that a secret that begins like another leaves nothing of itself behind.

import { formsOf } from './scrub-forms.ts';

/** Values shorter than this are not looked for: blanking "admin" would destroy data. */
export const SCRUB_CHARS_MIN = 6;

/** What is held back of a chunk is a multiple of it, so that it does not tell how long the longest secret is. */
const HOLD_BYTES = 256;
const LINE_BREAK = 0x0a;

type Secret = { readonly field: string; readonly value: string };
type Needle = { readonly text: string; readonly bytes: Buffer; readonly mark: Buffer };

/** A vendor may give one credential after the other: those that are there already are not written again. */
const written = new WeakMap<Secret, readonly Needle[]>();

/** Blanks secrets in bytes and text: each becomes `[secret:<field>]`. */
export class Scrubber {
  /** Longest first. */
  readonly #needles: readonly Needle[];
  /** Bytes at the end of a chunk that may begin a secret which the next one ends. */
  readonly #holdBytes: number;
  /** No secret has a line break in it: what is before one is complete. */
  readonly #endsAtLine: boolean;

  /** @param secrets Field name and value of each secret */
  constructor(secrets: readonly Secret[]) {
    const long = secrets.filter(({ value }) => value.length >= SCRUB_CHARS_MIN);
    const byText = new Map<string, Needle>();
    for (const needle of long.flatMap(needlesOf)) {
      if (!byText.has(needle.text)) byText.set(needle.text, needle);
    }
    this.#needles = [...byText.values()].toSorted((a, b) => b.bytes.length - a.bytes.length);
    this.#holdBytes = Math.ceil((this.#needles[0]?.bytes.length ?? 0) / HOLD_BYTES) * HOLD_BYTES;
    this.#endsAtLine = !this.#needles.some((needle) => needle.bytes.includes(LINE_BREAK));
  }

  /** Whether there is anything to look for. */
  get active(): boolean {
    return this.#needles.length > 0;
  }

  /**
   * The same text when nothing was found.
   *
   * Looked for one by one: one pattern of all forms takes seconds to compile when vendors give long
   * tokens, and with a few dozen of them V8 ends the process.
   */
  text(text: string): string {
    if (!this.#needles.some((needle) => text.includes(needle.text))) return text;
    return this.bytes(Buffer.from(text)).toString();
  }

  /** The same buffer when nothing was found. */
  bytes(bytes: Buffer): Buffer {
    if (!this.#needles.some((needle) => bytes.includes(needle.bytes))) return bytes;
    return Buffer.concat(this.#clean(bytes, bytes.length).runs);
  }

  /**
   * A body in chunks: a secret across borders is found too. What waits for the next chunk follows from
   * where lines end, and from nothing of a secret: whoever sends a guess must not see it held up. So an
   * event stream, whose events end with a line, is not held up either.
   */
  async *stream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
    let tail: Buffer | undefined;
    for await (const chunk of chunks) {
      const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const bytes = tail === undefined ? view : Buffer.concat([tail, view]);
      const { runs, rest } = this.#clean(bytes, this.#holdFrom(bytes));
      tail = rest === bytes.length ? undefined : Buffer.from(bytes.subarray(rest));
      for (const run of runs) if (run.length > 0) yield run;
    }
    if (tail !== undefined) yield this.bytes(tail);
  }

  /** Where in a chunk begins what must wait. */
  #holdFrom(bytes: Buffer): number {
    const from = Math.max(0, bytes.length - this.#holdBytes);
    return this.#endsAtLine ? Math.max(from, bytes.lastIndexOf(LINE_BREAK) + 1) : from;
  }

  /** Blanks every secret that begins before `hold`; the rest begins there, or behind the last of them. */
  #clean(bytes: Buffer, hold: number): { runs: Buffer[]; rest: number } {
    const next = this.#needles.map((needle) => ({ ...needle, at: bytes.indexOf(needle.bytes) }));
    const runs: Buffer[] = [];
    for (let from = 0; ;) {
      let first: (typeof next)[number] | undefined;
      for (const each of next) {
        // Looked for again only when passed: one scan per form, however often another one occurs.
        if (each.at >= 0 && each.at < from) each.at = bytes.indexOf(each.bytes, from);
        if (each.at >= 0 && each.at < (first?.at ?? hold)) first = each;
      }
      if (first === undefined) {
        const rest = Math.max(from, hold);
        runs.push(bytes.subarray(from, rest));
        return { runs, rest };
      }
      runs.push(bytes.subarray(from, first.at), first.mark);
      from = first.at + first.bytes.length;
    }
  }
}

function needlesOf(secret: Secret): readonly Needle[] {
  const known = written.get(secret);
  if (known !== undefined) return known;
  const mark = Buffer.from(`[secret:${secret.field}]`);
  const forms = [...formsOf(secret.value)];
  // Headers are bytes read as Latin-1: there a secret beyond ASCII looks different.
  const inHeaders = forms.map((form) => Buffer.from(form).toString('latin1'));
  const texts = [...new Set([...forms, ...inHeaders])];
  const needles = texts.map((text) => ({ text, bytes: Buffer.from(text), mark }));
  written.set(secret, needles);
  return needles;
}
