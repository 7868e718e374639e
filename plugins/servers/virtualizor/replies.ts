// How Virtualizor says that something went wrong: status 200, and an `error` in one of several shapes;
// a login page, a redirect or nothing at all for a key that it does not know.

import { fail, plainWords } from 'cofferdam/sdk';
import type { ExtensionFailure, FailureCode, RemoteReply } from 'cofferdam/sdk';

/** Errors inside errors are read this deep: lists of maps of texts occur, nothing deeper. */
const DEPTH_MAX = 3;

/** Whether a reply is what a wrong key gets. */
export function isLogin({ status, headers, text, json }: RemoteReply): boolean {
  if (status >= 300) return /act=login|login\.php/.test(headers.get('location') ?? '');
  if (json === undefined) return text.trim() === '' || /act=login|name="loginform"/i.test(text);
  if (json === null || json === false) return true;
  return typeof json === 'object' && !Array.isArray(json) && json['act'] === 'login';
}

/** The failure that a reply's `error` tells; undefined when it has none. */
export function failureIn(json: unknown, what: string): ExtensionFailure | undefined {
  const problems = problemsOf((json as { error?: unknown } | undefined)?.error);
  if (problems.length === 0) return undefined;
  const said = plainWords(problems.join('; '));
  const code = codeOf(said);
  return fail(code, `Virtualizor: ${what} was refused: ${said}`, {
    remedy: REMEDIES[code] ?? LOOK,
  });
}

const LOOK = 'Correct what Virtualizor names, then run the operation again';
const REMEDIES: { readonly [code in FailureCode]?: string } = {
  unauthorized: 'Check the API key and password in the configuration of this extension',
  forbidden: 'Give the API key the rights that the README of this extension lists',
  capacity: 'Add addresses, storage or a node in Virtualizor, or choose a smaller plan',
  locked: 'Wait until the running task has ended; the operation is tried again',
};

/** Virtualizor has no codes that tell refusals apart: only its words do. */
function codeOf(said: string): FailureCode {
  if (/api.?(?:key|pass)|log ?in|credential/i.test(said)) return 'unauthorized';
  if (/permission|privilege|not allowed|access denied/i.test(said)) return 'forbidden';
  if (/already (?:exists|in use|taken|registered)|duplicate/i.test(said)) return 'conflict';
  if (/does not exist|doesn't exist|not found|no such/i.test(said)) return 'not_found';
  if (/not enough|insufficient|no free|no space|exceed|limit (?:is )?reached|out of/i.test(said))
    return 'capacity';
  if (/is locked|in progress|being (?:created|built|deleted)|another (?:task|process)/i.test(said))
    return 'locked';
  return 'rejected';
}

function problemsOf(error: unknown, depth = 0): string[] {
  if (error === undefined || error === null || error === false || error === '') return [];
  if (typeof error !== 'object') return [plainWords(String(error))];
  if (depth >= DEPTH_MAX) return ['an error that cannot be shown'];
  if (Array.isArray(error)) return error.flatMap((each) => problemsOf(each, depth + 1));
  if ('msg' in error) return problemsOf(error.msg, depth + 1);
  return Object.entries(error).flatMap(([name, why]) =>
    problemsOf(why, depth + 1).map((text) => (/^\d+$/.test(name) ? text : `${name}: ${text}`)),
  );
}

/** Whether `done` says yes: it is true, 1, an id, a list or a message, depending on the act. */
export function isDone(done: unknown): boolean {
  if (Array.isArray(done)) return done.length > 0;
  return Boolean(done) && done !== '0';
}
