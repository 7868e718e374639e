// The forms in which a remote may send a secret back. Pure; scrub.ts looks for each of them.

/** A part of an address that is shorter says too little to be taken for its secret part. */
const PART_CHARS_MIN = 16;
const SPECIAL = /[&<>"'+/`=]/g;
/** Ways of templates to write what HTML gives a meaning: by name, and as PHP, Go and Mustache do. */
const ENTITIES: readonly Readonly<Record<string, string>>[] = [
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#039;' },
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;', '+': '&#43;' },
  {
    ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#x27;' },
    ...{ '/': '&#x2F;', '`': '&#x60;', '=': '&#x3D;' },
  },
];

/**
 * Lists the texts that stand for a secret: as it is, reversed, percent-encoded in part or whole, as a form
 * field, inside JSON (PHP escapes slashes, Go angle brackets, some everything), inside HTML, in hexadecimal,
 * and in Base64 wherever it begins in the encoded bytes.
 *
 * Not listed, so not found: compressed, encrypted, cut into pieces.
 */
export function formsOf(value: string): Set<string> {
  const texts = new Set([value, ...addressForms(value)]);
  const forms = new Set<string>();
  for (const text of texts) {
    const percent = encodeURIComponent(text);
    const form = new URLSearchParams({ s: text }).toString().slice(2);
    const json = JSON.stringify(text).slice(1, -1);
    forms.add(text).add(percent).add(form).add(lowerHex(percent)).add(lowerHex(form));
    forms
      .add(json)
      .add(json.replaceAll('/', String.raw`\/`))
      .add(asciiJson(json));
    forms.add(asciiJson(json).replaceAll('/', String.raw`\/`));
    for (const safe of [
      json.replaceAll(/[&<>']/g, escapeUnit),
      text.replaceAll(/[^]/g, escapeUnit),
    ]) {
      forms.add(safe).add(upperEscapes(safe));
    }
    for (const entities of ENTITIES) {
      forms.add(text.replaceAll(SPECIAL, (char) => entities[char] ?? char));
    }
    for (const radix of [10, 16]) {
      const numbers = text.replaceAll(SPECIAL, (char) => entity(char, radix));
      forms
        .add(numbers)
        .add(numbers.replaceAll(/[a-f](?=[0-9a-f]?;)/g, (digit) => digit.toUpperCase()));
    }
  }
  const hex = Buffer.from(value).toString('hex');
  const everyByte = hex.replaceAll(/../g, '%$&');
  forms.add(hex).add(hex.toUpperCase()).add(everyByte).add(everyByte.toUpperCase());
  forms.add(Array.from(value).toReversed().join(''));
  for (const form of base64Forms(value)) {
    forms.add(form).add(form.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms;
}

/**
 * Of a secret that is an address: as the URL parser spells it, what follows the host, and each long part
 * of that which is no number. Vendors name such a part alone: a webhook of Discord tells its token.
 */
function addressForms(value: string): string[] {
  const url = /^https?:\/\//i.test(value) ? URL.parse(value) : null;
  if (url === null) return [];
  const parts = [...url.pathname.split('/'), ...url.searchParams.values()].filter(
    (part) => !/^\d+$/.test(part),
  );
  const all = [url.pathname + url.search, ...parts];
  return [url.href, ...all.filter((part) => part.length >= PART_CHARS_MIN)];
}

/** Whole, and without the characters that depend on what stands before and after. */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value);
  const whole = bytes.toString('base64');
  const inner = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const bits = (before + bytes.length) * 8;
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(bits / 6));
  });
  return [whole, ...inner];
}

function lowerHex(text: string): string {
  return text.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase());
}

/** A character by its code unit, as JSON may write any. */
function escapeUnit(char: string): string {
  return String.raw`\u` + char.charCodeAt(0).toString(16).padStart(4, '0');
}

function entity(char: string, radix: number): string {
  return `&#${radix === 16 ? 'x' : ''}${char.charCodeAt(0).toString(radix)};`;
}

function upperEscapes(text: string): string {
  return text.replaceAll(/\\u[0-9a-f]{4}/g, (escape) => `\\u${escape.slice(2).toUpperCase()}`);
}

/** JSON as encoders write it that keep to ASCII. */
function asciiJson(json: string): string {
  return json.replaceAll(/[\u0080-\uffff]/g, escapeUnit);
}
