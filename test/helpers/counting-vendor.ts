// A vendor that remembers what it made: one thing per POST, or one per idempotency key; jobs with the key
// that they came with. It can keep a reply back for good, as one does whose answer never arrives.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it has had its effect, before it is answered. */
export type VendorRequest = {
  readonly path: string;
  readonly text: string;
  /** The thing that it made, or that an earlier one of the same key has made */
  readonly id: string | undefined;
};

/** The vendor. */
export type CountingVendor = AsyncDisposable & {
  readonly port: number;
  /** Ids in the order of their making: the key, `vm-<service>`, or a job's step and its key. */
  readonly made: string[];
};

/** Starts it. @param onRequest A promise keeps the reply back */
export async function startCountingVendor(
  onRequest: (request: VendorRequest) => Promise<void> | undefined = () => undefined,
): Promise<CountingVendor> {
  const made: string[] = [];
  const make = ({ headers }: IncomingMessage, text: string): string => {
    const { 'idempotency-key': key, 'x-once': job } = headers;
    if (typeof job === 'string') {
      const id = `${(JSON.parse(text) as { step: string }).step} ${job}`;
      made.push(id);
      return id;
    }
    if (typeof key !== 'string') {
      const id = `vm-${(JSON.parse(text) as { service: string }).service}`;
      made.push(id);
      return id;
    }
    if (!made.includes(key)) made.push(key);
    return key;
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const isMade = request.method === 'POST';
    const id = isMade ? make(request, text) : undefined;
    await onRequest({ path, text, id });
    response.writeHead(isMade ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ id }));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    made,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
