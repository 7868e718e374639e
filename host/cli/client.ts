// A running host, asked over HTTP by the commands that talk to one.

import { failureText } from './problems.ts';
import { UsageError } from './usage.ts';

/** Options that every such command has. */
export const CLIENT_OPTIONS = {
  url: { type: 'string' },
  token: { type: 'string' },
} as const;

/** Help lines for `CLIENT_OPTIONS`. */
export const CLIENT_HELP = `--url    Where the host answers (default http://127.0.0.1:7300)
--token  A bearer token (default COFFERDAM_ADMIN_TOKEN)`;

/** Sends requests to one host. */
export type Client = {
  request(
    method: string,
    path: string,
    body?: string | FormData,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
};

/** @throws {UsageError} When no token is known */
export function createClient(values: Readonly<Record<string, unknown>>): Client {
  const port = process.env['COFFERDAM_PORT'] ?? '7300';
  const url = typeof values['url'] === 'string' ? values['url'] : `http://127.0.0.1:${port}`;
  const token = values['token'] ?? process.env['COFFERDAM_ADMIN_TOKEN'];
  if (typeof token !== 'string' || token === '') {
    throw new UsageError('No token: give --token or set COFFERDAM_ADMIN_TOKEN');
  }
  return {
    async request(method, path, body, headers) {
      try {
        return await fetch(`${url.replace(/\/+$/, '')}/api/v1/admin${path}`, {
          method,
          headers: {
            ...headers,
            authorization: `Bearer ${token}`,
            ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}),
          },
          ...(body === undefined ? {} : { body }),
        });
      } catch (error) {
        const why =
          error instanceof Error
            ? ((error.cause as Error | undefined)?.message ?? error.message)
            : '';
        throw new UsageError(`No host answers at ${url}: ${why}`);
      }
    },
  };
}

/** Prints an answer's JSON; a problem goes to stderr with its remedy. @returns The exit code */
export async function printAnswer(response: Response): Promise<number> {
  const text = await response.text();
  const body: unknown = text === '' ? {} : parse(text);
  if (response.ok) {
    process.stdout.write(`${JSON.stringify(body, undefined, 2)}\n`);
    return 0;
  }
  process.stderr.write(failureText(Object(body) as Record<string, unknown>));
  return 1;
}

/** `category/name` or `category/name/instance` as a path. @throws {UsageError} */
export function instancePath(subject: string | undefined): string {
  const parts = (subject ?? '').split('/');
  const [category, name, instance = 'default'] = parts.map(encodeURIComponent);
  if (parts.length < 2 || parts.length > 3 || category === '' || name === '') {
    throw new UsageError(
      `"${subject ?? ''}" names no extension: write category/name or category/name/instance`,
    );
  }
  return `/extensions/${category}/${name}/instances/${instance}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return { detail: text.slice(0, 500), code: 'not JSON' };
    throw error;
  }
}
