// Finds secrets in what comes back and blanks them, in every form they usually come in.

/** Values shorter than this are not looked for: blanking "admin" would destroy data. */
export const SCRUB_CHARS_MIN = 6;

type Needle = { readonly bytes: Buffer; readonly mark: Buffer };

/** Blanks secrets in bytes and text. */
export class Scrubber {
  readonly #needles: readonly Needle[];
  readonly #longest: number;

  /** @param secrets Field name and value of each secret */
  constructor(secrets: readonly { readonly field: string; readonly value: string }[]) {
    this.#needles = secrets
      .filter(({ value }) => value.length >= SCRUB_CHARS_MIN)
      .flatMap(({ field, value }) => {
        const mark = Buffer.from(`[secret:${field}]`);
        return [...formsOf(value)].map((form) => ({ bytes: Buffer.from(form), mark }));
      })
      .toSorted((a, b) => b.bytes.length - a.bytes.length);
    this.#longest = this.#needles[0]?.bytes.length ?? 0;
  }

  /** Whether there is anything to look for. */
  get active(): boolean {
    return this.#needles.length > 0;
  }

  text(text: string): string {
    if (!this.active) return text;
    const bytes = Buffer.from(text);
    const clean = this.bytes(bytes);
    return clean === bytes ? text : clean.toString('utf8');
  }

  /** The same buffer when nothing was found. */
  bytes(bytes: Buffer): Buffer {
    let clean = bytes;
    for (const { bytes: needle, mark } of this.#needles) {
      if (clean.indexOf(needle) >= 0) clean = replaceAll(clean, needle, mark);
    }
    return clean;
  }

  /** A body in chunks: a secret across a border is found too. */
  async *stream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
    let tail: Buffer = Buffer.alloc(0);
    const keep = Math.max(0, this.#longest - 1);
    for await (const chunk of chunks) {
      const joined = tail.length === 0 ? Buffer.from(chunk) : Buffer.concat([tail, chunk]);
      const clean = this.bytes(joined);
      const safe = Math.max(0, clean.length - keep);
      if (safe > 0) yield clean.subarray(0, safe);
      tail = Buffer.from(clean.subarray(safe));
    }
    if (tail.length > 0) yield this.bytes(tail);
  }
}

/** The forms in which a vendor may send a secret back. */
function formsOf(value: string): Set<string> {
  const base64 = Buffer.from(value).toString('base64');
  return new Set([
    value,
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
    base64,
    base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''),
  ]);
}

function replaceAll(bytes: Buffer, needle: Buffer, mark: Buffer): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, from)) {
    parts.push(bytes.subarray(from, at), mark);
    from = at + needle.length;
  }
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}
