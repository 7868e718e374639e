// An extension's config schema as the form fields that the seed's API lists.
// Pure: JSON Schema in, fields out. The schema comes from a stranger: unknown shapes become text.

import type { Field, Json } from '../../sdk/domain.ts';
import type { Description, FieldSchema } from './compiled.ts';

const FIELDS_MAX = 200;
const TEXT_MAX = 2_000;

const WIDGETS = ['textarea', 'color', 'tags', 'time', 'file', 'markdown', 'multiselect'] as const;

/** The fields of a config form, in schema order. */
export function configFields(description: Description): Field[] {
  const { properties = {}, required = [] } = description.config ?? {};
  return Object.entries(properties)
    .slice(0, FIELDS_MAX)
    .map(([name, schema]) => {
      const options = optionsOf(schema);
      return {
        name,
        type: typeOf(schema, options !== undefined),
        label: text(schema.label ?? schema.title ?? name),
        description: text(schema.description ?? ''),
        required: required.includes(name) && schema.default === undefined,
        ...(schema.default === undefined ? {} : { default: schema.default as Json }),
        ...(options === undefined ? {} : { options }),
      };
    });
}

/** Names of the fields whose values the guest must never hold. */
export function secretFields(description: Description): string[] {
  const properties = Object.entries(description.config?.properties ?? {});
  return properties.filter(([, schema]) => isSecret(schema)).map(([name]) => name);
}

/** Whether a field was declared with `secret()`, optional or not. */
export function isSecret(schema: FieldSchema): boolean {
  return schema.secret === true || (schema.anyOf ?? []).some(isSecret);
}

function typeOf(schema: FieldSchema, hasOptions: boolean): Field['type'] {
  if (isSecret(schema)) return schema.multiline === true ? 'textarea' : 'password';
  const widget = WIDGETS.find((name) => name === schema.widget);
  if (widget !== undefined) return widget;
  const type = plainType(schema);
  if (type === 'array') return schema.items?.enum === undefined ? 'tags' : 'multiselect';
  if (hasOptions) return 'select';
  if (type === 'boolean') return 'boolean';
  if (type === 'integer' || type === 'number') return 'number';
  if (schema.format === 'email') return 'email';
  if (schema.format === 'time') return 'time';
  return schema.multiline === true ? 'textarea' : 'text';
}

/** The one type of a field; a nullable one counts as its other type. */
function plainType(schema: FieldSchema): string | undefined {
  if (schema.type !== undefined) {
    return typeof schema.type === 'string'
      ? schema.type
      : schema.type.find((type) => type !== 'null');
  }
  const inner = (schema.anyOf ?? []).find((option) => option.type !== 'null');
  return inner === undefined ? undefined : plainType(inner);
}

function optionsOf(schema: FieldSchema): Field['options'] | undefined {
  if (schema.options !== undefined) {
    return schema.options.slice(0, 500).map(({ value, label }) => ({ value, label: text(label) }));
  }
  const values = schema.enum ?? schema.items?.enum ?? constants(schema);
  return values?.slice(0, 500).map((value) => ({ value, label: String(value) }));
}

function constants({ anyOf }: FieldSchema): (string | number)[] | undefined {
  if (anyOf === undefined || !anyOf.every((option) => option.const !== undefined)) return undefined;
  return anyOf.map((option) => option.const as string | number);
}

function text(value: unknown): string {
  return String(value).slice(0, TEXT_MAX);
}
