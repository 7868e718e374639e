// Why WHM refused, read from its words: it answers most refusals with HTTP 200 and `metadata.result` 0,
// and a login that it does not know with an envelope of its own.

import { fail, plainWords, z } from 'cofferdam/sdk';
import type { Explanation, ExtensionFailure, FailureCode, RemoteReply } from 'cofferdam/sdk';

const REMEDIES: { readonly [code in FailureCode]?: string } = {
  conflict: 'Look the name up in WHM under List Accounts; remove or rename what is in the way',
  capacity: 'Raise the limits of the reseller or of the license, or use another server',
  forbidden: 'Give the API token the privileges that the README of this extension lists',
  unauthorized:
    'Check user and API token, and that WHM does not limit the token to other addresses',
  locked: 'Wait until WHM has finished what it does with the account, then try again',
};

/** Which refusal the words of WHM are. The first that fits counts: packages are no accounts. */
const WORDS: readonly (readonly [RegExp, FailureCode])[] = [
  [/password.*(?:too weak|cannot be used|strength)/i, 'invalid_input'],
  [/(?:package|plan)\b.*(?:does not exist|not exist|not found|invalid)/i, 'invalid_input'],
  [/already exists|already owned|already in use|is taken|is reserved/i, 'conflict'],
  [/do(?:es)? not exist|no such user|is not a valid (?:c?panel )?(?:user|account)/i, 'not_found'],
  [
    /maximum|limit (?:of|has|is|reached)|quota|exceed|license|no free ip|out of (?:ip|disk)/i,
    'capacity',
  ],
  [
    /privilege|permission|not allowed|access denied|not authori[sz]ed|do not have access/i,
    'forbidden',
  ],
  [/is locked|in progress|another process|currently being/i, 'locked'],
  [/timed out|timeout/i, 'timeout'],
];

const BY_STATUS: { readonly [status: number]: FailureCode } = {
  401: 'unauthorized',
  403: 'forbidden',
};

/** The failure of a function that WHM says did not work. */
export function refusalOf(name: string, json: unknown): ExtensionFailure {
  const { code = 'rejected', message } = readWords(json);
  if (message === undefined) {
    return fail('invalid_response', `WHM: ${name} answered without "metadata.result"`, {
      remedy: 'Check that host and port lead to WHM (2087), not to cPanel (2083)',
    });
  }
  return fail(code, `WHM: ${name} was refused: ${message}`, { remedy: REMEDIES[code] });
}

/** What a failing HTTP status means: the status decides, except that WHM refuses logins with 403. */
export function explain({ status, json }: RemoteReply): Explanation {
  const { message, isLogin } = readWords(json);
  const code = isLogin && status < 500 ? 'unauthorized' : BY_STATUS[status];
  const remedy = code === undefined ? undefined : REMEDIES[code];
  // Never the body itself: the output of createacct repeats the password.
  return { code, remedy, message: message ?? 'no reason given' };
}

const text = z.string().min(1);
const ofFunction = z.looseObject({ metadata: z.looseObject({ reason: text }) });
const ofLogin = z.union([
  z
    .looseObject({ cpanelresult: z.looseObject({ error: text }) })
    .transform((it) => it.cpanelresult.error),
  z
    .looseObject({ data: z.looseObject({ reason: text, result: z.literal(['0', 0]) }) })
    .transform((it) => it.data.reason),
]);

/** WHM's own words, from API 1 or from the envelope in which it refuses a login. */
function readWords(json: unknown): { code?: FailureCode; message?: string; isLogin: boolean } {
  const whm = ofFunction.safeParse(json);
  if (whm.success) {
    const message = plainWords(whm.data.metadata.reason);
    const code = WORDS.find(([pattern]) => pattern.test(message))?.[1];
    return { ...(code === undefined ? {} : { code }), message, isLogin: false };
  }
  const login = ofLogin.safeParse(json);
  if (!login.success) return { isLogin: false };
  return { code: 'unauthorized', message: plainWords(login.data), isLogin: true };
}
