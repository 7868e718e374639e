// What DirectAdmin answers, read: its JSON API by status and type, its legacy commands by their `error`.
// A legacy command says in JSON or form-encoded whether it worked, always with status 200.

import { fail, isFailure, plainWords, z } from 'cofferdam/sdk';
import type { Explanation, FailureCode, RemoteReply } from 'cofferdam/sdk';

const REMEDIES: { readonly [code in FailureCode]?: string } = {
  conflict: 'Look the name up in DirectAdmin; remove or rename what is in the way',
  capacity: 'Raise the limits of the reseller or of the license, or use another server',
  forbidden: 'Let the login key use the commands that the README of this extension lists',
  unauthorized: 'Check user and login key, and that the key is not limited to other addresses',
  locked: 'Wait until DirectAdmin has finished what it does with the user, then try again',
  invalid_response:
    'Check host and port, the user and the login key, and that the key may use this command: DirectAdmin answers with its login page otherwise',
};

/** Which refusal the words of a legacy command are. The first that fits counts. */
const WORDS: readonly (readonly [RegExp, FailureCode])[] = [
  [/password/i, 'invalid_input'],
  [/package\b.*(?:does not exist|not exist|not found|invalid|cannot find)/i, 'invalid_input'],
  [/already (?:exists|in use|taken|owned)|is reserved/i, 'conflict'],
  [/do(?:es)? not exist|no such user|cannot find|unable to find/i, 'not_found'],
  [/limit|quota|exceed|maximum|license|no free ip|not enough/i, 'capacity'],
  [/access denied|permission|privilege|not allowed|do not own|cannot execute/i, 'forbidden'],
  [/locked|in progress|currently being/i, 'locked'],
];

/** The types of refusals of the JSON API, where the status alone does not say it. */
const TYPES: readonly (readonly [RegExp, FailureCode])[] = [
  [/UNAUTHORIZED/, 'unauthorized'],
  [/NOT_FOUND$/, 'not_found'],
  [/ALREADY_EXISTS$/, 'conflict'],
  [/EXCEED|OVERUSED|LIMIT/, 'capacity'],
  [/WEAK_PASSWORD/, 'invalid_input'],
  [/ACCESS_DENIED|ROLE_MISMATCH|READ_ONLY/, 'forbidden'],
];

/** For `createRemote`: the vendor's own words in a failing reply of the JSON API. */
export function explain({ status, json }: RemoteReply): Explanation {
  const shape = z.looseObject({ type: z.string(), message: z.string().nullish() });
  const refusal = shape.safeParse(json);
  const type = refusal.success ? refusal.data.type : undefined;
  const said = type === undefined ? undefined : TYPES.find(([pattern]) => pattern.test(type))?.[1];
  const code = status >= 500 || status === 429 ? undefined : (said ?? BY_STATUS[status]);
  const remedy = code === undefined ? undefined : REMEDIES[code];
  const legacy = z.looseObject({ error: z.string(), result: z.string().nullish() }).safeParse(json);
  const words = refusal.success
    ? [refusal.data.type, refusal.data.message ?? '']
    : [legacy.data?.error ?? '', legacy.data?.result ?? ''];
  return { code, remedy, message: plainWords(words.join(' ')) || 'no reason given' };
}

/** Whether a 404 is DirectAdmin's own word that a user is not there: a proxy's 404 says nothing of it. */
export function isAbsence({ json }: RemoteReply): boolean {
  const type = z.looseObject({ type: z.string().regex(/NOT_FOUND$/) });
  return type.safeParse(json).success;
}

const BY_STATUS: { readonly [status: number]: FailureCode } = {
  401: 'unauthorized',
  403: 'forbidden',
};

/** A login page or a redirect to it: says what DirectAdmin means by it. Other failures stay. */
export function withRemedy(error: unknown): unknown {
  if (!isFailure(error, 'invalid_response')) return error;
  const remedy = REMEDIES.invalid_response;
  return fail('invalid_response', error.failure.message, { remedy, cause: error });
}

/**
 * The fields of a legacy command's reply that says it worked, or its list.
 *
 * @throws {ExtensionFailure} For a reply with `error`, by its words
 */
export function readLegacy(command: string, { json, text }: RemoteReply): unknown {
  const body = json ?? fromForm(text);
  const refusal = z
    .looseObject({
      error: z.union([z.string(), z.number(), z.boolean()]),
      text: z.string().nullish(),
      details: z.string().nullish(),
      result: z.string().nullish(),
    })
    .safeParse(body);
  if (!refusal.success || ['', '0', 'false'].includes(String(refusal.data.error))) return body;
  const { error, details, result, text: said } = refusal.data;
  const head = /^(?:1|true)$/.test(String(error)) ? '' : String(error);
  const words = [head, said, details, result].map((each) => plainWords(each ?? ''));
  const message = [...new Set(words)].filter((each) => each !== '').join(': ');
  const code = WORDS.find(([pattern]) => pattern.test(message))?.[1] ?? 'rejected';
  throw fail(code, `DirectAdmin: ${command} was refused: ${message || 'no reason given'}`, {
    remedy: REMEDIES[code],
  });
}

/** An order must be confirmed: an empty reply, or one that names neither error nor success, is none. */
export function readDone(command: string, reply: RemoteReply): void {
  const body = readLegacy(command, reply);
  const confirmed = z.union([
    z.looseObject({ error: z.union([z.string(), z.number(), z.boolean()]) }),
    z.looseObject({ success: z.string() }),
  ]);
  if (confirmed.safeParse(body).success) return;
  throw fail('invalid_response', `DirectAdmin: ${command} answered without "error" or "success"`, {
    remedy: REMEDIES.invalid_response,
  });
}

/** A list of names, in each form that DirectAdmin has for one. */
export function readList(command: string, reply: RemoteReply): string[] {
  const body = readLegacy(command, reply);
  const names = z.array(z.string());
  const list = z.union([names, z.looseObject({ list: names }).transform((it) => it.list)]);
  const parsed = list.safeParse(body);
  if (parsed.success) return parsed.data;
  // An empty list comes as an empty object, or as nothing at all.
  if (JSON.stringify(body ?? {}) === '{}') return [];
  throw fail('invalid_response', `DirectAdmin: ${command} answered without a list`, {
    remedy: REMEDIES.invalid_response,
  });
}

/** `list[]=a&list[]=b` and `error=0&text=…`, as legacy commands answer when they know no JSON. */
function fromForm(text: string): Record<string, unknown> {
  const parameters = new URLSearchParams(decodeEntities(text.trim()));
  const lists = [...parameters.keys()].filter((name) => name.endsWith('[]'));
  return Object.fromEntries(
    [...new Set(parameters.keys())].map((name) =>
      lists.includes(name)
        ? [name.slice(0, -2), parameters.getAll(name)]
        : [name, parameters.get(name)],
    ),
  );
}

/** DirectAdmin escapes brackets and quotes of its form-encoded replies as HTML does. */
function decodeEntities(text: string): string {
  return text.replaceAll(/&#(\d{1,3});/g, (_whole, code: string) =>
    encodeURIComponent(String.fromCodePoint(Number(code))),
  );
}
