// Calls that the host makes on its own behalf, and what it reads from their answers.

import { Cancellation } from '../broker/cancellation.ts';
import type { Runner, RunRequest } from '../broker/runner.ts';
import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { parseDescription } from './compiled.ts';
import type { Description } from './compiled.ts';

/** One field that a schema refused. */
export type FieldIssue = { readonly field: string; readonly message: string };

/** Names every refused field; `details.fields` has them one by one. */
export function configError(issues: readonly FieldIssue[]): HostError {
  const fields = issues.slice(0, 50).map(({ field, message }) => ({
    field: String(field).slice(0, 200),
    message: String(message).slice(0, 500),
  }));
  const words = fields.map(({ field, message }) => `"${field}": ${message}`).join('; ');
  return new HostError('CALLER_CONFIG_INVALID', `Config is not valid: ${words}`, {
    remedy: 'Correct the named fields and send the config again',
    details: { fields },
  });
}

/** A call that the host makes on its own behalf. */
export function ownCall(handler: string, inputText: string, nowMs: number): RunRequest {
  return {
    callId: `host${handler.startsWith(':') ? '' : ':'}${handler}`,
    operationId: `host:${handler}:${nowMs}`,
    attempt: 1,
    handler,
    inputText,
    deadlineMs: nowMs + LIMITS.loadMs,
    dryRun: false,
    cancellation: new Cancellation(),
  };
}

/** Reads an extension's description from a hot isolate. */
export async function describeRunner(
  runner: Runner,
  category: string,
  nowMs: number,
): Promise<Description> {
  const { text } = await runner.run(ownCall(':describe', 'null', nowMs));
  return parseDescription(text, category);
}
