// Finds secrets in what comes back and blanks them. Where several fit, the leftmost and longest wins, so
// that a secret that begins like another leaves nothing of itself behind.

import { formsOf } from './scrub-forms.ts';

/** Values shorter than this are not looked for: blanking "admin" would destroy data. */
export const SCRUB_CHARS_MIN = 6;

type Needle = { readonly bytes: Buffer; readonly mark: Buffer };

/** Blanks secrets in bytes and text: each becomes `[secret:<field>]`. */
export class Scrubber {
  /** Longest first. */
  readonly #needles: readonly Needle[];
  readonly #marks: ReadonlyMap<string, string>;
  readonly #pattern: RegExp | undefined;
  readonly #longest: number;

  /** @param secrets Field name and value of each secret */
  constructor(secrets: readonly { readonly field: string; readonly value: string }[]) {
    const marks = new Map<string, string>();
    const long = secrets.filter(({ value }) => value.length >= SCRUB_CHARS_MIN);
    for (const { field, value } of long) {
      for (const form of formsOf(value)) if (!marks.has(form)) marks.set(form, `[secret:${field}]`);
    }
    this.#needles = [...marks]
      .map(([form, mark]) => ({ bytes: Buffer.from(form), mark: Buffer.from(mark) }))
      .toSorted((a, b) => b.bytes.length - a.bytes.length);
    this.#longest = this.#needles[0]?.bytes.length ?? 0;
    // Headers are bytes read as Latin-1: there a secret beyond ASCII looks different.
    for (const [form, mark] of [...marks]) marks.set(Buffer.from(form).toString('latin1'), mark);
    this.#marks = marks;
    const texts = [...marks.keys()].toSorted((a, b) => b.length - a.length);
    this.#pattern = texts.length === 0 ? undefined : new RegExp(texts.map(literal).join('|'), 'g');
  }

  /** Whether there is anything to look for. */
  get active(): boolean {
    return this.#needles.length > 0;
  }

  text(text: string): string {
    const pattern = this.#pattern;
    if (pattern === undefined) return text;
    return text.replaceAll(pattern, (found) => this.#marks.get(found) ?? '[secret]');
  }

  /** The same buffer when nothing was found. */
  bytes(bytes: Buffer): Buffer {
    if (!this.#needles.some((needle) => bytes.includes(needle.bytes))) return bytes;
    return Buffer.concat(this.#clean(bytes, []).runs);
  }

  /**
   * A body in chunks: a secret across borders is found too. Only what may be the beginning of a secret
   * waits for the next chunk, so that an event stream is not held up.
   */
  async *stream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
    let tail: Buffer | undefined;
    for await (const chunk of chunks) {
      const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const bytes = tail === undefined ? view : Buffer.concat([tail, view]);
      const { runs, rest } = this.#clean(bytes, this.#beginnings(bytes));
      tail = rest === bytes.length ? undefined : Buffer.from(bytes.subarray(rest));
      for (const run of runs) if (run.length > 0) yield run;
    }
    if (tail !== undefined) yield this.bytes(tail);
  }

  /** Positions near the end from which the rest is the beginning of some secret. */
  #beginnings(bytes: Buffer): number[] {
    const found: number[] = [];
    for (let at = Math.max(0, bytes.length - this.#longest + 1); at < bytes.length; at += 1) {
      const left = bytes.length - at;
      const begins = this.#needles.some(
        ({ bytes: needle }) =>
          needle.length > left &&
          needle[0] === bytes[at] &&
          needle.compare(bytes, at, bytes.length, 0, left) === 0,
      );
      if (begins) found.push(at);
    }
    return found;
  }

  /**
   * Blanks every secret that begins before the first of `holds` that is not inside one.
   *
   * A secret that could also be the beginning of a longer one begins at a hold and so waits.
   */
  #clean(bytes: Buffer, holds: readonly number[]): { runs: Buffer[]; rest: number } {
    const next = this.#needles.map((needle) => ({ ...needle, at: bytes.indexOf(needle.bytes) }));
    const runs: Buffer[] = [];
    for (let from = 0; ;) {
      const hold = holds.find((at) => at >= from) ?? bytes.length;
      let first: (typeof next)[number] | undefined;
      for (const each of next) {
        // Looked for again only when passed: one scan per form, however often another one occurs.
        if (each.at >= 0 && each.at < from) each.at = bytes.indexOf(each.bytes, from);
        if (each.at >= 0 && each.at < (first?.at ?? hold)) first = each;
      }
      if (first === undefined) {
        runs.push(bytes.subarray(from, hold));
        return { runs, rest: hold };
      }
      runs.push(bytes.subarray(from, first.at), first.mark);
      from = first.at + first.bytes.length;
    }
  }
}

function literal(text: string): string {
  return RegExp.escape(text);
}
