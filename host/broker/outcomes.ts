// What went wrong with a call, as failures with a code: from a guest's own account (untrusted text),
// from a limit it broke, or from the end of its process.

import type { CellEnd } from '../cells/cell.ts';
import { ERROR_CODES, HostError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** Codes that a failure may carry out of a guest; any other becomes EXTENSION_THREW. */
const CARRIED: ReadonlySet<string> = new Set<ErrorCode>([
  ...ERROR_CODES.filter((code) => /^(EGRESS|REMOTE)_/.test(code)),
  'EXTENSION_FAILED',
  'EXTENSION_QUOTA_EXCEEDED',
  'CALLER_GRANT_NEEDED',
]);

/** A guest's own account of its failure: only known fields and codes survive. */
export function guestError(text: string, mapStack: (stack: string) => string): HostError {
  const said = parseObject(text);
  const code = String(said['code']);
  const message = clip(said['message'], LIMITS.errorMessageChars) || 'The handler threw';
  const remedy = clip(said['remedy'], LIMITS.errorMessageChars);
  const stack = mapStack(clip(said['stack'], LIMITS.errorStackChars));
  if (code === 'EXTENSION_FAILED') return failedError(said, stack);
  const name = clip(said['name'], 100) || 'Error';
  const carried = CARRIED.has(code) ? (code as ErrorCode) : 'EXTENSION_THREW';
  return new HostError(carried, carried === 'EXTENSION_THREW' ? `${name}: ${message}` : message, {
    ...(remedy === '' ? {} : { remedy }),
    details: { ...(stack === '' ? {} : { stack }) },
  });
}

/** Why a bundle did not load; `text` is the cell's account. */
export function loadError(
  instance: string,
  text: string,
  mapStack: (stack: string) => string,
): HostError {
  const { end, message } = parseObject(text);
  if (end === 'cpu') {
    return new HostError(
      'EXTENSION_CPU_EXCEEDED',
      `Cannot start "${instance}": its top-level code ran over ${LIMITS.loadMs} ms`,
    );
  }
  if (end === 'memory') {
    const why = 'its top-level code needs more memory than it may have';
    return new HostError('EXTENSION_MEMORY_EXCEEDED', `Cannot start "${instance}": ${why}`);
  }
  const said = parseObject(String(message));
  const why = clip(said['message'], LIMITS.errorMessageChars) || clip(message, 500) || 'it threw';
  const stack = mapStack(clip(said['stack'], LIMITS.errorStackChars));
  return new HostError('EXTENSION_LOAD_FAILED', `Cannot start "${instance}": ${why}`, {
    details: { stack },
  });
}

/** The caller went away. */
export function cancelled(): HostError {
  return new HostError('CALLER_CANCELLED', 'The caller went away before the call ended');
}

/** The deadline passed; `when` says where the call was. */
export function timedOut(handler: string, when: string): HostError {
  return new HostError('EXTENSION_TIMED_OUT', `Call "${handler}" reached its deadline ${when}`, {
    remedy: 'Ask for a longer deadlineMs, or have the extension answer "pending" for slow work',
  });
}

/** The result is unusable. */
export function outputError(why: string): HostError {
  return new HostError('EXTENSION_OUTPUT_INVALID', `The result of the handler ${why}`);
}

function failedError(said: Record<string, unknown>, stack: string): HostError {
  const failure = said['failure'] as Record<string, unknown>;
  const message =
    clip(failure['message'], LIMITS.errorMessageChars) || 'The extension reported a failure';
  const remedy = clip(failure['remedy'], LIMITS.errorMessageChars);
  const retryAfterMs = Number(failure['retryAfterMs']);
  return new HostError('EXTENSION_FAILED', message, {
    ...(remedy === '' ? {} : { remedy }),
    details: {
      failure: {
        code: clip(failure['code'], 64),
        message,
        retriable: failure['retriable'] === true,
        ...(remedy === '' ? {} : { remedy }),
        ...(Number.isFinite(retryAfterMs) ? { retryAfterMs } : {}),
      },
      ...(stack === '' ? {} : { stack }),
    },
  });
}

/** A limit that the cell itself noticed. */
export function faultError(instance: string, code: string, limit: string): HostError {
  const known: ErrorCode = ERROR_CODES.find((entry) => entry === code) ?? 'EXTENSION_CRASHED';
  const remedies: { readonly [code: string]: string } = {
    EXTENSION_CPU_EXCEEDED: 'Do less work between two awaits, or ask for more with limits.cpuMs',
    EXTENSION_MEMORY_EXCEEDED: 'Hold less at a time, or ask for more with limits.memoryMiB',
    EXTENSION_QUOTA_EXCEEDED: 'Send fewer messages in one turn',
  };
  const remedy = remedies[known];
  return new HostError(known, `"${instance}" was stopped: it went over its limit (${limit})`, {
    ...(remedy === undefined ? {} : { remedy }),
    details: { limit },
  });
}

/** The whole cell ended. */
export function goneError(instance: string, end: CellEnd): HostError {
  const codes = {
    silent: 'EXTENSION_CPU_EXCEEDED',
    memory: 'EXTENSION_MEMORY_EXCEEDED',
    'idle-cpu': 'EXTENSION_CPU_EXCEEDED',
    protocol: 'EXTENSION_CRASHED',
    exited: 'EXTENSION_CRASHED',
    stopped: 'CALLER_NOT_RUNNING',
  } as const;
  return new HostError(
    codes[end.cause],
    `"${instance}" was stopped with its process: ${end.detail}`,
    {
      details: { cause: end.cause },
    },
  );
}

/** A log line's JSON; one that came cut is no JSON any more, and says so. */
export function parseLine(bytes: Buffer): Record<string, unknown> {
  const line = parseObject(bytes.toString('utf8', 0, LIMITS.logLineChars * 4));
  if (typeof line['message'] === 'string') return line;
  const message = `A log line was left out: it is over ${LIMITS.logLineChars * 4} bytes`;
  return { level: 'warn', message };
}

/** Whether a text is one JSON value. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** A text's JSON object; empty for anything else. */
function parseObject(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** A string cut to `chars`; empty for anything else. */
export function clip(value: unknown, chars: number): string {
  return typeof value === 'string' ? value.slice(0, chars) : '';
}
