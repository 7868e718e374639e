// One loopback server for the hosts of all vendors: answers by host, method and path as their
// documentation shows it, and keeps what it was asked.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What arrived. */
export type Seen = {
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};
/** What is answered; `json` or `text`. */
export type Answer = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly text?: string;
};
/** Answers by `METHOD host/path`. */
export type Answers = Readonly<Record<string, (seen: Seen) => Answer>>;

/** Starts it. */
export async function startVendors(
  answers: Answers,
): Promise<AsyncDisposable & { readonly port: number; readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const host = headers.host ?? '';
      const asked = { host, method, path, headers, body: Buffer.concat(chunks).toString() };
      seen.push(asked);
      const answer = answers[`${method} ${host}${path.split('?')[0]}`]?.(asked) ?? {
        status: 404,
        json: { message: `No such thing: ${method} ${host}${path}` },
      };
      const type = answer.text === undefined ? 'application/json' : 'text/plain';
      response.writeHead(answer.status ?? 200, { 'content-type': type, ...answer.headers });
      response.end(answer.text ?? JSON.stringify(answer.json));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
