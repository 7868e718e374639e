// A JSON schema as a table of its fields; what it refers to opens in place.

import type { VNode } from 'preact';

import { boundsText, nameOf, typeText } from './openapi.ts';
import type { OpenApi, Schema } from './openapi.ts';

/** Levels that open inside each other: `Delivery` in `Page` in a reply is three. */
const DEPTH_MAX = 4;

/** The fields of a schema. */
export function SchemaView({
  schema,
  api,
  depth = 0,
}: {
  readonly schema: Schema;
  readonly api: OpenApi;
  readonly depth?: number;
}): VNode {
  const target = resolve(schema, api);
  const inner = target.items === undefined ? target : resolve(target.items, api);
  const fields = fieldsOf(inner, api);
  if (fields.length === 0 || depth >= DEPTH_MAX) {
    return (
      <p class="quiet">
        <code>{typeText(schema)}</code> {target.description} {boundsText(target)}
      </p>
    );
  }
  return (
    <dl class="fields">
      {fields.map(([name, field, required]) => (
        <div key={name}>
          <dt>
            <code>{name}</code>
            <span class="type">{typeText(field)}</span>
            {required ? <span class="badge warn">required</span> : null}
          </dt>
          <dd>
            {field.description} <span class="quiet">{boundsText(field)}</span>
            {isNested(field, api) ? (
              <details>
                <summary>Fields of {name}</summary>
                <SchemaView schema={field} api={api} depth={depth + 1} />
              </details>
            ) : null}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function resolve(schema: Schema, api: OpenApi): Schema {
  if (schema.$ref === undefined) return schema;
  return api.components?.schemas?.[nameOf(schema.$ref)] ?? {};
}

function fieldsOf(schema: Schema, api: OpenApi): (readonly [string, Schema, boolean])[] {
  const own = Object.entries(schema.properties ?? {}).map(
    ([name, field]) => [name, field, schema.required?.includes(name) === true] as const,
  );
  const parts = (schema.allOf ?? []).flatMap((part) => fieldsOf(resolve(part, api), api));
  return [...own, ...parts];
}

function isNested(schema: Schema, api: OpenApi): boolean {
  const target = resolve(schema, api);
  const inner = target.items === undefined ? target : resolve(target.items, api);
  return fieldsOf(inner, api).length > 0;
}
