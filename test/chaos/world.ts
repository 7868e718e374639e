// The vendor and the panel of the run: they do what they are asked and count it.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What has happened outside the hosts. */
export type Outcome = {
  /** By event, how often it was handled */
  readonly seen: Map<string, number>;
  /** By subject, the places of its events as they were handled */
  readonly places: Map<string, number[]>;
  /** By service, how often the vendor has made it */
  readonly made: Map<string, number>;
  /** By payment, the ids of the messages that the panel has taken about it */
  readonly told: Map<string, Set<string>>;
  /** Messages that came again, which the panel knows by their id */
  repeats: number;
};

/** The vendor and the panel. */
export type World = AsyncDisposable & {
  readonly vendorPort: number;
  readonly panelUrl: string;
  readonly outcome: Outcome;
};

/** Starts them. @param refused Payments whose first message the panel refuses */
export async function startWorld(refused: ReadonlySet<string>): Promise<World> {
  const outcome: Outcome = {
    seen: new Map(),
    places: new Map(),
    made: new Map(),
    told: new Map(),
    repeats: 0,
  };
  const vendor = await serve(createVendor(outcome));
  const panel = await serve(createPanel(outcome, new Set(refused)));
  return {
    vendorPort: vendor.port,
    panelUrl: `http://127.0.0.1:${panel.port}/messages`,
    outcome,
    async [Symbol.asyncDispose]() {
      vendor.close();
      panel.close();
    },
  };
}

type Answer = { readonly status: number; readonly body?: object };
type Answering = (request: IncomingMessage, said: Record<string, unknown>) => Answer;

function createVendor({ seen, places, made }: Outcome): Answering {
  const keys = new Set<string>();
  return ({ url, headers }, said) => {
    if (url === '/seen') {
      const subject = String(said['subject']);
      add(seen, String(said['id']));
      places.set(subject, [...(places.get(subject) ?? []), Number(said['place'])]);
      return { status: 200 };
    }
    const service = String(said['service']);
    const key = headers['idempotency-key'];
    const isKnown = typeof key === 'string' && keys.has(key);
    if (!isKnown) add(made, service);
    if (typeof key === 'string') keys.add(key);
    return { status: 200, body: { id: `vm-${service}` } };
  };
}

function createPanel(outcome: Outcome, refused: Set<string>): Answering {
  return ({ headers }, said) => {
    const { externalId } = Object(said['data']) as { externalId?: string };
    // The ends of operations are told too; those are asked for by their key.
    if (externalId === undefined) return { status: 204 };
    if (refused.delete(externalId)) return { status: 503 };
    const id = String(headers['webhook-id']);
    const ids = outcome.told.get(externalId) ?? new Set();
    if (ids.has(id)) outcome.repeats += 1;
    outcome.told.set(externalId, ids.add(id));
    return { status: 204 };
  };
}

function add(counts: Map<string, number>, id: string): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}

async function serve(answer: Answering): Promise<{ port: number; close(): void }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const said = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
      const { status, body } = answer(request, said);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(body === undefined ? undefined : JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
