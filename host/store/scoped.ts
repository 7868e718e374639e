// Rows of what lies in a scope, as a condition of each driver; scope.ts has the rule. Statements stay the
// same whatever the scope: it is one parameter, null for everything.

import type { Scope } from '../scope.ts';

/** For SQLite; `parameter` is bound to `scopeText`. */
export function withinScope(column: string, parameter: string): string {
  return `(${parameter} IS NULL OR EXISTS (SELECT 1 FROM json_each(${parameter}) AS entry
    WHERE ${column} = entry.value OR substr(${column}, 1, length(entry.value) + 1) = entry.value || '/'))`;
}

/** What SQLite is given of a scope. */
export function scopeText(scope: Scope | undefined): string | null {
  return scope === undefined || scope === null ? null : JSON.stringify(scope);
}

/** For PostgreSQL; `parameter` is bound to the scope itself. */
export function withinPgScope(column: string, parameter: string): string {
  return `(${parameter}::text[] IS NULL OR EXISTS (SELECT 1 FROM unnest(${parameter}::text[]) AS entry
    WHERE ${column} = entry OR starts_with(${column}, entry || '/')))`;
}
