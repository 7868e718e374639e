// Stripe's request encoding: form fields with brackets, `a[b][0][c]=d`. Decoded for the fake.

/** A decoded value: text at the leaves, as it came. */
export type FormValue = string | FormValue[] | { [name: string]: FormValue };

/** Decodes a body or a query. Objects whose names are all 0, 1, 2… are lists. */
export function decodeForm(text: string): { [name: string]: FormValue } {
  const root: { [name: string]: FormValue } = {};
  for (const [key, value] of new URLSearchParams(text)) {
    const [head = '', ...rest] = key.split('[').map((part) => part.replace(/\]$/, ''));
    insert(root, [head, ...rest], value);
  }
  return mapValues(root);
}

function insert(node: { [name: string]: FormValue }, path: string[], value: string): void {
  const [name = '', ...rest] = path;
  // `expand[]=a&expand[]=b` appends.
  const key = name === '' ? String(Object.keys(node).length) : name;
  if (rest.length === 0) {
    node[key] = value;
    return;
  }
  const inner = (node[key] ??= {});
  // Every node on the way was made by the line above, as an object.
  insert(inner as { [name: string]: FormValue }, rest, value);
}

function mapValues(node: { [name: string]: FormValue }): { [name: string]: FormValue } {
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, toLists(value)]));
}

function toLists(value: FormValue): FormValue {
  if (typeof value === 'string' || Array.isArray(value)) return value;
  const names = Object.keys(value);
  const isList = names.length > 0 && names.every((name, index) => name === String(index));
  return isList ? Object.values(value).map(toLists) : mapValues(value);
}
