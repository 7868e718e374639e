// Why the panel refused, read from its error body: its statuses alone mislead, the names of its
// exceptions do not. Source: app/Exceptions of pterodactyl/panel 1.11.

import { z } from 'cofferdam/sdk';
import type { Explanation, FailureCode, RemoteReply } from 'cofferdam/sdk';

const errors = z.object({
  errors: z
    .array(
      z.looseObject({
        code: z.string(),
        detail: z.string().optional(),
        meta: z.looseObject({ source_field: z.string().optional(), rule: z.unknown() }).optional(),
      }),
    )
    .min(1),
});

type Said = z.infer<typeof errors>['errors'][number];

const BY_EXCEPTION: { readonly [name: string]: FailureCode } = {
  // Passes on whatever status the node answered the panel with, 404 and 401 too.
  DaemonConnectionException: 'unavailable',
  NoViableNodeException: 'capacity',
  NoViableAllocationException: 'capacity',
  ServerStateConflictException: 'locked',
  ConflictHttpException: 'locked',
};

const REMEDIES: { readonly [name: string]: string } = {
  DaemonConnectionException: 'Check that Wings runs on the node and that the panel reaches it',
  NoViableNodeException: 'Add a node to the locations of the product, or free memory and disk',
  NoViableAllocationException: 'Add allocations to the nodes of the product, or widen its ports',
  ServerStateConflictException: 'Wait until the server is installed and not suspended',
};

/** What an error body says. */
export function explain(reply: RemoteReply): Explanation {
  const parsed = errors.safeParse(reply.json);
  // A 404 of something else than the panel must never count as a server that is gone.
  if (!parsed.success) return reply.status === 404 ? { code: 'invalid_response' } : {};
  const said = parsed.data.errors;
  const message = said
    .map(({ detail = '', meta }) =>
      meta?.source_field === undefined ? detail : `${meta.source_field}: ${detail}`,
    )
    .join('; ');
  const exception = said[0]?.code ?? '';
  return { message, code: codeOf(reply.status, said), remedy: REMEDIES[exception] };
}

function codeOf(status: number, said: readonly Said[]): FailureCode | undefined {
  const [first] = said;
  if (first === undefined) return undefined;
  const isTaken = said.some(
    ({ meta }) =>
      meta?.rule === 'unique' ||
      (meta?.rule === 'exists' && meta.source_field?.startsWith('allocation.') === true),
  );
  // The database refused what the form allowed a moment before: somebody else was faster.
  const isOvertaken =
    first.code === 'DataValidationException' && /already been taken/.test(first.detail ?? '');
  if (isTaken || isOvertaken) return 'conflict';
  if (status === 404 && first.detail?.startsWith('The route ') === true) return 'invalid_response';
  return BY_EXCEPTION[first.code];
}
