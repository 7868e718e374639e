// How a route says what it answers. Only /openapi.json reads it.

/** The name of a schema of replies.ts. */
type Name =
  | 'Problem'
  | 'Instance'
  | 'Usage'
  | 'AccessRequest'
  | 'Extension'
  | 'Call'
  | 'Outcome'
  | 'Token'
  | 'AuditEntry'
  | 'Fact'
  | 'Delivery'
  | 'Comparison'
  | 'Failure';

/** A reference to a shared schema. */
export function ref(name: Name): { readonly $ref: string } {
  return { $ref: `${name}#` };
}

/** JSON of this shape. */
export function json(description: string, schema: object): object {
  return { description, content: { 'application/json': { schema } } };
}

/** An object under which one list stands, and what else is beside it. */
export function listed(name: string, item: object, beside: Record<string, object> = {}): object {
  return object({ [name]: list(item), ...beside });
}

/** An array of these. */
export function list(items: object): object {
  return { type: 'array', items };
}

/** An object with these properties; those in `optional` may be absent. */
export function object(
  properties: Readonly<Record<string, object>>,
  optional: readonly string[] = [],
): object {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', required, properties };
}

/** Server-sent events; `items` says what `data:` carries. */
export function events(items: string): object {
  const description = `${items}; "event: end" says why the host ends it, "event: error" what failed`;
  return {
    description,
    content: { 'text/event-stream': { schema: { type: 'string', description } } },
  };
}

/** Done, and nothing to say. */
export const NOTHING = { description: 'Done', type: 'null' } as const;
