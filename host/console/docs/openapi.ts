// What the reference reads of an OpenAPI document: it is our own, so that only what we write is known.

/** A JSON schema, as far as it is shown. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly additionalProperties?: boolean | Schema;
};

/** What a body or a reply carries, by media type. */
export type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

/** One operation. */
export type Operation = {
  readonly summary?: string;
  readonly description?: string;
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly 'x-roles'?: readonly string[];
  /** What it is about, for narrowed tokens; `host`: closed to them */
  readonly 'x-scope'?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema?: Schema;
  }[];
  readonly requestBody?: { readonly required?: boolean; readonly content?: Content };
  readonly responses?: Readonly<
    Record<string, { readonly description?: string; readonly content?: Content }>
  >;
};

/** The document. */
export type OpenApi = {
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description?: string;
  };
  readonly tags?: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
};

/** An operation with its place. */
export type Endpoint = { readonly method: string; readonly path: string; readonly of: Operation };

/** Every operation under its first tag, in the order of the document. */
export function endpointsByTag(api: OpenApi): ReadonlyMap<string, readonly Endpoint[]> {
  const byTag = new Map<string, Endpoint[]>((api.tags ?? []).map(({ name }) => [name, []]));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, of] of Object.entries(methods)) {
      // A HEAD is the GET without its body: nobody needs to read of it twice.
      if (method === 'head') continue;
      const tag = of.tags?.[0] ?? 'other';
      const list = byTag.get(tag) ?? [];
      byTag.set(tag, list);
      list.push({ method: method.toUpperCase(), path, of });
    }
  }
  return byTag;
}

/** The name at the end of a reference. */
export function nameOf(ref: string): string {
  return ref.slice(ref.lastIndexOf('/') + 1);
}

/** A schema's type in a few words, such as `array of Token`. */
export function typeText(schema: Schema): string {
  if (schema.$ref !== undefined) return nameOf(schema.$ref);
  const choice = schema.oneOf ?? schema.anyOf;
  if (choice !== undefined) return choice.map(typeText).join(' or ');
  if (schema.allOf !== undefined) return schema.allOf.map(typeText).join(' and ');
  const type = [schema.type ?? 'any'].flat().join(' or ');
  if (schema.items !== undefined) return `array of ${typeText(schema.items)}`;
  return schema.format === undefined ? type : `${type} (${schema.format})`;
}

/** Bounds of a value in words. */
export function boundsText(schema: Schema): string {
  const { minimum, maximum, minLength, maxLength, maxItems, pattern } = schema;
  const words = [
    minimum === undefined ? '' : `at least ${minimum}`,
    maximum === undefined ? '' : `at most ${maximum}`,
    minLength === undefined || minLength < 2 ? '' : `at least ${minLength} characters`,
    maxLength === undefined ? '' : `at most ${maxLength} characters`,
    maxItems === undefined ? '' : `at most ${maxItems} items`,
    pattern === undefined ? '' : `matches ${pattern}`,
    schema.enum === undefined ? '' : `one of ${schema.enum.map(String).join(', ')}`,
    schema.default === undefined ? '' : `default ${JSON.stringify(schema.default)}`,
  ];
  return words.filter((word) => word !== '').join(' · ');
}
