// Cases of kind admin-http that are told as steps: what several requests do to each other.

import type { AttackHost } from './host.ts';
import { bytesOf, exchange } from './http-wire.ts';
import type { WireReply } from './http-wire.ts';

const STRIPE = '/api/v1/admin/extensions/gateways/stripe';
const HANGS = '/api/v1/admin/extensions/gateways/hangs/calls/canUse';

/** Runs the steps of the case with that title. */
export function runSteps(host: AttackHost, title: string): Promise<WireReply[]> {
  const run = STEPS[title];
  if (run === undefined) throw new Error(`steps of "${title}" are not known here`);
  return run(host);
}

type Ask = { readonly body?: object; readonly headers?: Record<string, string> };

function ask(host: AttackHost, method: string, path: string, more: Ask = {}): Promise<WireReply> {
  const headers = {
    authorization: `Bearer ${host.token}`,
    ...(more.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...more.headers,
  };
  const body = more.body === undefined ? {} : { body: JSON.stringify(more.body) };
  return exchange(host.url, bytesOf({ method, path, headers, ...body }));
}

const STEPS: Readonly<Record<string, (host: AttackHost) => Promise<WireReply[]>>> = {
  async 'placeholder round trip'(host) {
    const { body } = await ask(host, 'GET', `${STRIPE}/instances/default`);
    const { config } = JSON.parse(body) as { config: object };
    return [await ask(host, 'PUT', `${STRIPE}/config`, { body: config })];
  },
  async 'two writers with the same ETag'(host) {
    const { headers, body } = await ask(host, 'GET', `${STRIPE}/instances/default`);
    const { config } = JSON.parse(body) as { config: object };
    const write = (): Promise<WireReply> =>
      ask(host, 'PUT', `${STRIPE}/instances/default/config`, {
        body: config,
        headers: { 'if-match': headers['etag'] ?? '' },
      });
    return Promise.all([write(), write()]);
  },
  async 'enable and disable storm'(host) {
    const verbs = Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? 'disable' : 'enable'));
    const replies = await Promise.all(verbs.map((verb) => ask(host, 'POST', `${STRIPE}/${verb}`)));
    return [...replies, await ask(host, 'POST', `${STRIPE}/enable`)];
  },
  async 'enable a plugin that hangs on start'(host) {
    return [await ask(host, 'POST', '/api/v1/admin/extensions/others/sleeper/enable')];
  },
  async 'client goes away mid call'(host) {
    const abort = new AbortController();
    const call = fetch(`${host.url}${HANGS}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${host.token}` },
      signal: abort.signal,
    }).catch(() => undefined);
    for (let tries = 0; tries < 100; tries += 1) {
      const { body } = await ask(host, 'GET', '/api/v1/admin/calls?state=running');
      if (body.includes('"handler":"canUse"')) break;
    }
    abort.abort();
    await call;
    return [await ask(host, 'POST', `${STRIPE}/enable`)];
  },
};
