// A vendor's HTTP server on loopback whose answers a test may replace or lose. The fakes of servers
// are built on it: they know the vendor's rules, this knows HTTP. It must never listen elsewhere.

import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as the vendor got it. */
export type VendorRequest = {
  readonly method: string;
  /** Without the query, not decoded */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The body as JSON; undefined when it is none */
  readonly json: any;
};

/** What the vendor answers; at most one of `json`, `html` and `text`. */
export type VendorReply = {
  readonly status: number;
  readonly json?: unknown;
  readonly html?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A scripted server; paths of the tests' patterns are `METHOD /path?query`. */
export type Vendor = AsyncDisposable & {
  readonly origin: string;
  readonly port: number;
  readonly requests: readonly VendorRequest[];
  /** The matching request is answered with this instead, `times` times (default 1). */
  answerNext(pattern: RegExp, reply: VendorReply, times?: number): void;
  /** The next matching request does its work, and its reply is lost. */
  loseReply(pattern: RegExp): void;
  /** Runs just before the next matching request is handled: somebody else was faster. */
  beforeNext(pattern: RegExp, act: () => void): void;
};

/** A refusal that a fake throws from the depth of its rules. */
export class Refusal extends Error {
  readonly reply: VendorReply;

  constructor(status: number, json: unknown) {
    super(`refused with ${status}`);
    this.reply = { status, json };
  }
}

type Script = {
  readonly pattern: RegExp;
  readonly reply?: VendorReply;
  readonly act?: () => void;
  times: number;
};

/** Starts it. `handle` returns the reply or throws a `Refusal`; anything else it throws is a bug. */
export async function startVendor(
  handle: (request: VendorRequest) => VendorReply,
): Promise<Vendor> {
  const requests: VendorRequest[] = [];
  const scripts: Script[] = [];
  const bugs: unknown[] = [];

  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const request = readRequest(incoming, Buffer.concat(chunks).toString());
      requests.push(request);
      const script = take(request);
      script?.act?.();
      const reply = script?.reply ?? answer(request);
      const isLost = script !== undefined && script.reply === undefined && script.act === undefined;
      if (isLost) return void incoming.socket.destroy();
      const { status, json, html, headers = {} } = reply;
      const text = html ?? (json === undefined ? '' : JSON.stringify(json));
      response.writeHead(status, {
        ...(text === ''
          ? {}
          : { 'content-type': html === undefined ? 'application/json' : 'text/html' }),
        ...headers,
      });
      response.end(text);
    });
  });

  function answer(request: VendorRequest): VendorReply {
    try {
      return handle(request);
    } catch (error) {
      if (error instanceof Refusal) return error.reply;
      bugs.push(error);
      return { status: 599, json: { bug: String(error) } };
    }
  }

  function take({ method, path, query }: VendorRequest): Script | undefined {
    const text = `${method} ${path}${query.size === 0 ? '' : `?${query.toString()}`}`;
    const at = scripts.findIndex(({ pattern }) => pattern.test(text));
    const found = scripts[at];
    if (found !== undefined && --found.times === 0) scripts.splice(at, 1);
    return found;
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    requests,
    answerNext: (pattern, reply, times = 1) => void scripts.push({ pattern, reply, times }),
    loseReply: (pattern) => void scripts.push({ pattern, times: 1 }),
    beforeNext: (pattern, act) => void scripts.push({ pattern, act, times: 1 }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      if (bugs.length > 0) throw new AggregateError(bugs, 'The fake itself failed');
    },
  };
}

function readRequest(incoming: IncomingMessage, body: string): VendorRequest {
  const url = new URL(incoming.url ?? '/', 'http://vendor');
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
  );
  const method = incoming.method ?? 'GET';
  return { method, path: url.pathname, query: url.searchParams, headers, body, json: parse(body) };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
