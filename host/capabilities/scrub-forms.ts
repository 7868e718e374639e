// The forms in which a remote may send a secret back. Pure; scrub.ts looks for each of them.

/** A path shorter than this says too little to be taken for the secret part of an address. */
const PATH_CHARS_MIN = 16;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Lists the texts that stand for a secret: as it is, percent-encoded, as a form field, inside JSON (PHP
 * escapes slashes too), inside HTML, and in Base64 wherever it begins in the encoded bytes.
 *
 * Not listed, so not found: hexadecimal, compressed, encrypted, reversed, cut into pieces.
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
    forms.add(text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? char));
  }
  for (const form of base64Forms(value)) {
    forms.add(form).add(form.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms;
}

/** Of a secret that is an address: as the URL parser spells it, and what follows the host. */
function addressForms(value: string): string[] {
  const url = /^https?:\/\//i.test(value) ? URL.parse(value) : null;
  if (url === null) return [];
  const path = url.pathname + url.search;
  return path.length < PATH_CHARS_MIN ? [url.href] : [url.href, path];
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

/** JSON as encoders write it that keep to ASCII. */
function asciiJson(json: string): string {
  return json.replaceAll(
    /[\u0080-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
