// Answers what an extension is, without running its handlers: category, handler names, config schema;
// and checks config values against that schema. Runs in a throw-away isolate with no capabilities.

import { currentDefinition } from './calls.ts';

type Zod = {
  toJSONSchema(schema: unknown, options: object): Record<string, unknown>;
};
type Schema = {
  safeParse(value: unknown): {
    success: boolean;
    data?: unknown;
    error?: { issues: { path: PropertyKey[]; message: string }[] };
  };
};

const GROUPS = ['on', 'actions', 'pages'];

/** What the host keeps of an extension: plain data. */
export function describe(zod: Zod | undefined): Record<string, unknown> {
  const definition = currentDefinition();
  const handlers: string[] = [];
  for (const [name, value] of Object.entries(definition)) {
    if (typeof value === 'function') handlers.push(name);
  }
  for (const group of GROUPS) {
    for (const name of Object.keys((definition[group] as object | undefined) ?? {})) {
      handlers.push(`${group}.${name}`);
    }
  }
  const actions = Object.entries((definition['actions'] as object | undefined) ?? {}).map(
    ([name, { run: _run, ...action }]) => ({ name, ...action }),
  );
  const schema = definition['config'];
  const config =
    schema === undefined || zod === undefined
      ? null
      : zod.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return { category: definition['category'] ?? null, handlers, actions, config };
}

/** Parses config values by the extension's own schema. */
export function validateConfig(values: unknown): Record<string, unknown> {
  const schema = currentDefinition()['config'] as Schema | undefined;
  if (schema === undefined) return { ok: true, value: {} };
  const parsed = schema.safeParse(values);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issues = (parsed.error?.issues ?? []).map(({ path, message }) => ({
    field: path.map(String).join('.'),
    message,
  }));
  return { ok: false, issues };
}
