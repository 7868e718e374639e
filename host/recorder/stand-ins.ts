// Stand-ins for secrets are new in every isolate: in a recording the field's name stands in their place,
// so that the same request is the same text, and a replayed answer holds the stand-in of today.

/** `sealed:<id>` by config field, as `SecretBook.sealed` gives them. */
export type StandIns = Readonly<Record<string, string>>;

const PREFIX = 'sealed:';

/** A value with the names of fields where this isolate's stand-ins are. */
export function nameStandIns<T>(value: T, standIns: StandIns): T {
  return mapText(value, (text) => replaceBoth(text, standIns, (field, id) => [id, nameOf(field)]));
}

/** The same value for another isolate: its stand-ins where the names of fields are. */
export function giveStandIns<T>(value: T, standIns: StandIns): T {
  return mapText(value, (text) => replaceBoth(text, standIns, (field, id) => [nameOf(field), id]));
}

/** No stand-in's id looks like it: those are letters and digits only. */
function nameOf(field: string): string {
  return `[${field}]`;
}

/** In the text itself, and in what a Basic header has encoded. */
function replaceBoth(
  text: string,
  standIns: StandIns,
  pair: (field: string, id: string) => readonly [from: string, to: string],
): string {
  const replace = (part: string): string =>
    Object.entries(standIns).reduce((changed, [field, standIn]) => {
      const [from, to] = pair(field, standIn.slice(PREFIX.length));
      return changed.replaceAll(from, to);
    }, part);
  const [, encoded] = BASIC.exec(text) ?? [];
  if (encoded === undefined) return replace(text);
  const plain = Buffer.from(encoded, 'base64').toString('latin1');
  return `Basic ${Buffer.from(replace(plain), 'latin1').toString('base64')}`;
}

const BASIC = /^Basic ([A-Za-z0-9+/]+={0,2})$/i;

function mapText<T>(value: T, map: (text: string) => string): T {
  const walk = (each: unknown): unknown => {
    if (typeof each === 'string') return map(each);
    if (Array.isArray(each)) return each.map(walk);
    if (typeof each !== 'object' || each === null) return each;
    return Object.fromEntries(Object.entries(each).map(([name, part]) => [name, walk(part)]));
  };
  // What goes in is plain JSON, and what comes out has its shape.
  return walk(value) as T;
}
