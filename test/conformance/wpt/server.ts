// Serves the files of a web-platform-tests checkout on loopback; `.sub.` files get the server's own names.
// Handlers in Python are not run: what needs one fails on both sides alike.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.html': 'text/html; charset=utf-8',
  '.txt': 'text/plain',
};

/** Where the tests' own server has files under another name. */
const ALIASES: Readonly<Record<string, string>> = {
  '/resources/WebIDLParser.js': '/resources/webidl2/lib/webidl2.js',
};

/** Starts the server; `origin` has no slash at its end. */
export async function serveTests(root: string): Promise<AsyncDisposable & { origin: string }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://wpt');
    const file = normalize(join(root, decodeURIComponent(ALIASES[pathname] ?? pathname)));
    if (!file.startsWith(root + sep) || file.endsWith('.py'))
      return void response.writeHead(404).end();
    readFile(file).then(
      (bytes) => {
        const body = /\.sub\./.test(file) ? substitute(bytes.toString(), port()) : bytes;
        const type = TYPES[extname(file)] ?? 'application/octet-stream';
        response.writeHead(200, { 'content-type': type }).end(body);
      },
      () => response.writeHead(404).end('The file does not exist'),
    );
  });
  const port = (): string => String((server.address() as AddressInfo).port);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${port()}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function substitute(text: string, port: string): string {
  return text.replaceAll(/\{\{(host|domains|hosts|ports)[^}]*\}\}/g, (_match, name: string) =>
    name === 'ports' ? port : '127.0.0.1',
  );
}
