// How many values a JSON text is made of, before it is parsed: a few MB of empty lists take longer to parse,
// and more memory, than all that a guest may send in one turn is worth.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const STARTS: ReadonlySet<number> = new Set([0x2c, 0x5b, 0x7b]);

/** Whether a text would parse to more than `most` values; counts commas, `[` and `{` outside of strings. */
export function hasMoreValues(text: string, most: number): boolean {
  if (text.length <= most) return false;
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at + 1);
    else if (STARTS.has(code) && ++values > most) return true;
  }
  return false;
}

/** Where the string ends whose content starts at `from`; the end of the text when it does not. */
function endOfString(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at >= 0 && isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at < 0 ? text.length : at;
}

function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
  return (at - before) % 2 === 1;
}
