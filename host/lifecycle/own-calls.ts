// Calls that the host makes on its own behalf, and what it reads from their answers.

import { Cancellation } from '../cancellation.ts';
import type { Runner } from '../broker/runner.ts';
import type { RunRequest } from '../broker/running.ts';
import { Deadline } from '../deadline.ts';
import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { parseDescription } from './compiled.ts';
import type { Compiled, Description } from './compiled.ts';

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
    deadline: new Deadline(nowMs, LIMITS.loadMs),
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

/** Gives a starting isolate its config. @throws {HostError} `CALLER_CONFIG_INVALID` */
export async function configureRunner(
  runner: Runner,
  values: Readonly<Record<string, unknown>>,
  nowMs: number,
): Promise<void> {
  // Sent before the load is confirmed: one trip to the cell instead of two.
  const configured = runner.run(ownCall(':configure', JSON.stringify(values), nowMs));
  configured.catch(() => undefined);
  await runner.loaded;
  const { text } = await configured;
  const { ok, issues } = JSON.parse(text) as { ok: boolean; issues?: readonly FieldIssue[] };
  if (!ok) throw configError(issues ?? []);
}

type Loaded = { readonly runner: Runner; readonly compiled: Compiled };

/**
 * Gives the state of one generation to the next; nothing happens when either lacks the handler for it.
 *
 * @throws {HostError} `EXTENSION_OUTPUT_INVALID` when the state is over its limit, and what the handlers throw
 */
export async function handOver(old: Loaded, fresh: Loaded, nowMs: number): Promise<void> {
  const suspends = old.compiled.description.handlers.includes('onSuspend');
  const resumes = fresh.compiled.description.handlers.includes('onResume');
  if (!suspends || !resumes) return;
  const { text } = await old.runner.run(ownCall('onSuspend', 'null', nowMs));
  if (text.length > LIMITS.resumeStateChars) {
    const limit = LIMITS.resumeStateChars;
    throw new HostError(
      'EXTENSION_OUTPUT_INVALID',
      `The state of onSuspend is over ${limit} characters`,
    );
  }
  const input = `{"state":${text},"fromVersion":${JSON.stringify(old.compiled.manifest.version)}}`;
  await fresh.runner.run(ownCall('onResume', input, nowMs));
}
