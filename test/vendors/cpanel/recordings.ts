// Recorded requests and replies of a real WHM (API 0, 2012), beside the project where they are kept.
// API 1 says the same words in `metadata.reason` and the same lines under `data`; this maps one to the
// other. Where the recordings are absent, the tests that need them say so.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { readYaml } from '../yaml.ts';

const FOLDER = join(import.meta.dirname, '../../../../shared/specs/cpanel-vcr/whm/account');

/** Whether the recordings are at hand. */
export const HAS_RECORDINGS = existsSync(FOLDER);

/** One recorded exchange. */
export type Recording = {
  /** Such as `createacct` */
  readonly name: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Whether it worked, and in which words WHM said so */
  readonly worked: boolean;
  readonly reason: string;
  /** The lines of accounts in it */
  readonly accounts: readonly Readonly<Record<string, unknown>>[];
};

/** All exchanges about accounts whose reply says whether it worked. */
export function readRecordings(): Recording[] {
  if (!HAS_RECORDINGS) return [];
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.yml'))
    .flatMap((file) => readFile(join(FOLDER, file)));
}

type Interaction = {
  readonly request: { readonly uri: string };
  readonly response: { readonly body: { readonly string: string } };
};

function readFile(path: string): Recording[] {
  const { http_interactions: all } = readYaml(path) as {
    http_interactions: Interaction[];
  };
  return all.flatMap(({ request, response }) => {
    const url = new URL(request.uri);
    const body = JSON.parse(response.body.string) as Record<string, any>;
    const outcome = body['result']?.[0] ?? body['passwd']?.[0] ?? body;
    if (outcome.status === undefined) return [];
    return [
      {
        name: url.pathname.replace('/json-api/', ''),
        parameters: Object.fromEntries(url.searchParams),
        worked: Number(outcome.status) === 1,
        reason: String(outcome.statusmsg),
        accounts: body['acct'] ?? [],
      },
    ];
  });
}
