// Why VirtFusion refused, read from its error body: `message`, and each field of `errors` with its reasons.

import type { Explanation, FailureCode, RemoteReply } from 'cofferdam/sdk';

const MESSAGE_CHARS = 300;

/** What an error body says. */
export function explain({ status, json }: RemoteReply): Explanation {
  const body = (json ?? {}) as { message?: unknown; msg?: unknown; errors?: unknown };
  const fields = Object.entries(
    typeof body.errors === 'object' && body.errors !== null ? body.errors : {},
  ).map(
    ([name, why]) => (/^\d+$/.test(name) ? '' : `${name}: `) + [why].flat().map(String).join(' '),
  );
  const words = [body.message ?? body.msg ?? '', ...fields]
    .map(String)
    .filter((each) => each !== '');
  const message = words.join('; ').slice(0, MESSAGE_CHARS);
  return { code: codeOf(status, message), ...(message === '' ? {} : { message }) };
}

/** A refusal of the order itself, by its words; other statuses mean what they say. */
function codeOf(status: number, message: string): FailureCode | undefined {
  // Any other 404 is of something in between, or of a route: it says nothing of a server.
  const isOwn = /\bnot found|does not exist|no query results/i.test(message);
  if (status === 404 && !isOwn) return 'invalid_response';
  if (status !== 400 && status !== 409 && status !== 422) return undefined;
  if (/has already been taken/i.test(message)) return 'conflict';
  if (
    /no (?:available |suitable )?hypervisor|not enough|insufficient|no free|no .*ipv4/i.test(
      message,
    )
  )
    return 'capacity';
  if (/locked|in progress|running task|being (?:built|deleted)/i.test(message)) return 'locked';
  return undefined;
}
