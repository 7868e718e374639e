// As much of XML as CAMT.053 needs: elements, text, attributes. No document types, hence no entities of
// their own; bounded depth and count. Pure.

import { fail } from 'cofferdam/sdk';

/** Elements and depth of one statement; a bank's day has a few thousand. */
const ELEMENTS_MAX = 200_000;
const DEPTH_MAX = 64;

/** An element; names are without their namespace. */
export type Element = {
  readonly name: string;
  readonly attributes: string;
  readonly children: Element[];
  text: string;
};

const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
};

/** Reads a document. @throws `invalid_input` when it is not well-formed or declares a document type */
export function parseXml(text: string): Element {
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) throw broken('it declares a document type');
  const root: Element = { name: '', attributes: '', children: [], text: '' };
  const stack: Element[] = [root];
  const token =
    /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<(\/?)([^\s<>/]+)([^<>]*?)(\/?)>|([^<]+)/g;
  let count = 0;
  let end = 0;
  for (const match of text.matchAll(token)) {
    if (match.index !== end) throw broken(`something is wrong at character ${end}`);
    end = match.index + match[0].length;
    const [, cdata, closes, tag, attributes = '', isEmpty, plain] = match;
    const top = stack.at(-1) ?? root;
    if (plain !== undefined || cdata !== undefined) top.text += cdata ?? decode(plain ?? '');
    if (tag === undefined) continue;
    const name = tag.slice(tag.indexOf(':') + 1);
    if (closes === '/') {
      if (stack.length === 1 || top.name !== name)
        throw broken(`"${name}" ends what it did not start`);
      stack.pop();
      continue;
    }
    count += 1;
    if (count > ELEMENTS_MAX || stack.length > DEPTH_MAX) throw broken('it is too large');
    const element: Element = { name, attributes, children: [], text: '' };
    top.children.push(element);
    if (isEmpty !== '/') stack.push(element);
  }
  if (end !== text.length || stack.length > 1) throw broken('it ends too early');
  return root;
}

/** All elements at a path of names below one. */
export function all(element: Element | undefined, ...path: readonly string[]): Element[] {
  let found = element === undefined ? [] : [element];
  for (const step of path) {
    found = found.flatMap(({ children }) => children.filter(({ name }) => name === step));
  }
  return found;
}

/** The text of the first element at a path; empty when there is none. */
export function textAt(element: Element | undefined, ...path: readonly string[]): string {
  return all(element, ...path)[0]?.text.trim() ?? '';
}

function decode(text: string): string {
  return text.replaceAll(/&(#x[0-9a-f]{1,6}|#\d{1,7}|\w{1,8});/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name] ?? whole;
    const code =
      name[1]?.toLowerCase() === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole;
  });
}

function broken(why: string): unknown {
  return fail('invalid_input', `Cannot read the statement: the XML is broken, ${why}`, {
    remedy: 'Export the statement again as CAMT.053 or MT940',
  });
}
