// What a handler gives once (a password) is passed on once and kept nowhere.

/** A handler's result without what is shown once. */
export function withoutOneTime(result: unknown): unknown {
  if (typeof result !== 'object' || result === null || !('oneTime' in result)) return result;
  const { oneTime: _shown, ...rest } = result;
  return rest;
}

/** The same on a result's JSON text. */
export function textWithoutOneTime(text: string): string {
  // Most results have none, and parsing costs more than looking.
  return text.includes('"oneTime"') ? JSON.stringify(withoutOneTime(JSON.parse(text))) : text;
}
