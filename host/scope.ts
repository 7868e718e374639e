// What a token is narrowed to. One shape and one rule for it, used from the store up to HTTP.

/**
 * Extensions and instances, as they are printed: `category/name` is all of an extension's instances,
 * `category/name/instance` is that one. null: nothing is closed.
 */
export type Scope = readonly string[] | null;

/** Whether a whole extension, or an instance, lies in a scope. */
export function isInScope(scope: Scope, subject: string): boolean {
  return scope === null || scope.some((entry) => isWithin(entry, subject));
}

/** Whether any part of a subject lies in a scope: what one instance may know of its extension. */
export function touchesScope(scope: Scope, subject: string): boolean {
  return isInScope(scope, subject) || (scope ?? []).some((entry) => isWithin(subject, entry));
}

/** Whether a name is another one, or below it. */
function isWithin(outer: string, inner: string): boolean {
  return inner === outer || inner.startsWith(`${outer}/`);
}
