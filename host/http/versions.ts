// Versions of a config as HTTP has them: an `etag` for who reads, an `if-match` for who changes. Two that
// read the same version cannot both change it; the later one is told with 412.

import type { FastifyRequest } from 'fastify';

import { HostError } from '../errors.ts';
import type { InstanceView } from '../lifecycle/host.ts';

/** The header of a change that must meet the version it was made for. */
export const IF_MATCH = {
  type: 'object',
  properties: {
    'if-match': {
      type: 'string',
      description: 'The "etag" of the instance as it was read; another version by now: 412',
    },
  },
} as const;

/** The version of a config as a header. */
export function etagOf({ configVersion }: Pick<InstanceView, 'configVersion'>): string {
  return `"${configVersion}"`;
}

/**
 * The version that a change was made for; undefined: any.
 *
 * @throws {HostError} `CALLER_INPUT_INVALID` when it is none of ours
 */
export function versionOf({ headers }: FastifyRequest): number | undefined {
  const header = headers['if-match'];
  if (header === undefined || header === '*') return undefined;
  const version = /^"(\d{1,15})"$/.exec(header)?.[1];
  if (version !== undefined) return Number(version);
  throw new HostError('CALLER_INPUT_INVALID', 'Header "if-match" is no version of a config', {
    remedy: 'Send the "etag" of the instance as it was read, such as "3" with its quotes',
    details: { field: 'if-match' },
  });
}

/** Whether a change was refused because its version is not the current one any more. */
export function isOutdated({ code, details }: HostError): boolean {
  return code === 'CALLER_CONFLICT' && details?.['configVersion'] !== undefined;
}
