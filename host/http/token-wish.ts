// What a new token is to be, checked further than a schema can: its end is a date that exists, and what it
// is narrowed to are extensions that exist, in the one spelling that everything is compared by.

import { isInstanceName } from '../catalog/names.ts';
import { HostError } from '../errors.ts';
import type { ExtensionHost } from '../lifecycle/host.ts';
import type { TokenWish } from '../store/tokens.ts';
import { parseDate } from './dates.ts';

/** The body of the request, as its schema lets it through. */
export type TokenBody = Pick<TokenWish, 'name' | 'role'> & {
  readonly expiresAt?: string;
  readonly scope?: readonly string[];
  readonly requestsPerMinute?: number;
};

/** @throws {HostError} `CALLER_INPUT_INVALID` that names the field and the entry of the scope */
export async function readTokenWish(
  { expiresAt, scope, ...wish }: TokenBody,
  host: Pick<ExtensionHost, 'resolve'>,
): Promise<TokenWish> {
  return {
    ...wish,
    ...(expiresAt === undefined
      ? {}
      : { expiresAt: parseDate(expiresAt, { part: 'body', field: 'expiresAt' }) }),
    ...(scope === undefined ? {} : { scope: await readScope(scope, host) }),
  };
}

/** Instances need not exist yet: a token may be made for the one that it will make. */
async function readScope(
  entries: readonly string[],
  host: Pick<ExtensionHost, 'resolve'>,
): Promise<string[]> {
  const read = new Set<string>();
  for (const [at, entry] of entries.entries()) {
    const field = `scope.${at}`;
    const [category = '', name = '', instance, ...rest] = entry.split('/');
    const isWhole = rest.length === 0 && (instance === undefined || isInstanceName(instance));
    if (!isWhole || name === '') {
      throw unknownPart(field, `"${entry}" is neither an extension nor an instance`);
    }
    const extension = await host.resolve({ category, name }).catch((cause: unknown) => {
      if (!(cause instanceof HostError)) throw cause;
      throw unknownPart(field, `there is no extension "${category}/${name}"`, cause);
    });
    read.add(instance === undefined ? extension : `${extension}/${instance}`);
  }
  return [...read];
}

function unknownPart(field: string, what: string, cause?: unknown): HostError {
  return new HostError('CALLER_INPUT_INVALID', `body "${field}": ${what}`, {
    remedy:
      'Write "category/name" or "category/name/instance"; GET /api/v1/admin/extensions lists the names',
    details: { field },
    cause,
  });
}
