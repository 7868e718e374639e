// A vendor for the bench of fetch: small JSON, and 50 MiB in chunks. Prints its address.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const SMALL = JSON.stringify({ id: 7, name: 'vps-1', status: 'running', tags: ['a', 'b'] });
const CHUNK = Buffer.alloc(64 * 1024, 'x');
const CHUNKS = 800;

const server = createServer((request, response) => {
  if (request.url !== '/large') {
    response.setHeader('content-type', 'application/json');
    return void response.end(SMALL);
  }
  let left = CHUNKS;
  const write = (): void => {
    while (left > 0) {
      left -= 1;
      if (!response.write(CHUNK)) return void response.once('drain', write);
    }
    response.end();
  };
  write();
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
