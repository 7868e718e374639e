// kill -9 at every step of a create and of a charge: afterwards there is exactly one effect at the vendor,
// or a person is asked.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { manifestFor } from '../../helpers/host.ts';

const TOKEN = 'crash-admin-token-0001';

const VMS = `import { defineServer } from 'cofferdam/sdk';
const api = 'https://api.example.com';
export default defineServer({
  async create(service, { fetch }) {
    const found = await fetch(api + '/find?id=' + service.id);
    if (found.status === 200) return { status: 'done', remoteId: (await found.json()).id };
    const body = JSON.stringify({ service: service.id });
    const made = await (await fetch(api + '/vms', { method: 'POST', body })).json();
    const headers = { 'idempotency-key': 'start-' + service.id };
    await fetch(api + '/vms/' + made.id + '/start', { method: 'POST', headers });
    return { status: 'done', remoteId: made.id };
  },
  async suspend() { return { status: 'done' }; },
  async unsuspend() { return { status: 'done' }; },
  async terminate() { return { status: 'done' }; },
});
`;

const PAY = `import { defineGateway } from 'cofferdam/sdk';
export default defineGateway({
  async pay() { return { kind: 'done' }; },
  async webhook() { return { facts: [] }; },
  async charge({ invoice, amount }, { fetch, call }) {
    const headers = { 'idempotency-key': call.operationId };
    const reply = await fetch('https://api.example.com/charges', { method: 'POST', headers, body: JSON.stringify(amount) });
    const { id } = await reply.json();
    const fact = { externalId: id, kind: 'payment', state: 'succeeded', invoiceId: invoice.id, ...amount };
    return { status: 'done', externalId: id, facts: [fact] };
  },
});
`;

/** Sets no key itself: the manifest says that the vendor takes one. */
const KEYED = `import { defineServer } from 'cofferdam/sdk';
export default defineServer({
  async create(service, { fetch }) {
    for (const step of ['disk', 'boot']) {
      const body = JSON.stringify({ step: step + '-' + service.id });
      await fetch('https://api.example.com/jobs', { method: 'POST', body });
    }
    return { status: 'done', remoteId: 'job-' + service.id };
  },
  async suspend() { return { status: 'done' }; },
  async unsuspend() { return { status: 'done' }; },
  async terminate() { return { status: 'done' }; },
});
`;

/** A vendor that makes one thing per POST, and one per idempotency key; it can keep a reply back. */
type Vendor = {
  readonly server: Server;
  readonly port: number;
  readonly made: string[];
  /** Called as a request has had its effect; a promise keeps the reply back. */
  onRequest: (path: string) => Promise<void> | undefined;
};

describe('a host that is killed', { timeout: 90_000 }, () => {
  let vendor: Vendor;
  let dir: string;
  let url = '';
  let child: ChildProcess;

  before(async () => {
    vendor = await startVendor();
    dir = await mkdtemp(join(tmpdir(), 'cofferdam-crash-'));
    await extension('servers/vms', VMS);
    await extension('gateways/pay', PAY);
    await extension('servers/keyed', KEYED, { 'api.example.com': 'X-Once' });
    await start();
    for (const each of ['servers/vms', 'gateways/pay', 'servers/keyed']) {
      assert.equal((await request('POST', `/extensions/${each}/enable`)).status, 200);
    }
  });
  after(async () => {
    child.kill('SIGKILL');
    vendor.server.closeAllConnections();
    vendor.server.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('runs a create again that had no effect yet', async () => {
    await killAt('/find', () => create('s1'));
    assert.deepEqual(await outcome('s1'), { status: 'done', remoteId: 'vm-s1' });
    assert.deepEqual(made('s1'), ['vm-s1', 'start-s1']);
  });

  it('goes on behind the effects that were answered', async () => {
    await killAt('/start', () => create('s2'));
    assert.deepEqual(await outcome('s2'), { status: 'done', remoteId: 'vm-s2' });
    assert.deepEqual(made('s2'), ['vm-s2', 'start-s2']);
  });

  it('sends nothing twice that may have happened, and asks a person', async () => {
    await killAt('/vms', () => create('s3'));
    const waits = await deadLetter('create');
    assert.equal(waits.error.code, 'CALLER_NEEDS_RECONCILIATION');
    assert.deepEqual(made('s3'), ['vm-s3']);
    const again = await create('s3');
    assert.deepEqual([again.status, again.body.code], [409, 'CALLER_CONFLICT']);
    const said = { as: 'done', result: { status: 'done', remoteId: 'vm-s3' } };
    assert.equal((await request('POST', `/deliveries/${waits.id}/resolve`, said)).status, 204);
    assert.deepEqual(await outcome('s3'), { status: 'done', remoteId: 'vm-s3' });
    assert.deepEqual(made('s3'), ['vm-s3']);
  });

  it('runs it from the beginning when a person says that the effect is not there', async () => {
    await killAt('/vms', () => create('s4'));
    const waits = await deadLetter('create');
    vendor.made.splice(vendor.made.indexOf('vm-s4'), 1);
    const path = `/deliveries/${waits.id}/resolve`;
    assert.equal((await request('POST', path, { as: 'again' })).status, 204);
    assert.deepEqual(await outcome('s4'), { status: 'done', remoteId: 'vm-s4' });
    assert.deepEqual(made('s4'), ['vm-s4', 'start-s4']);
  });

  it('sends an effect again, whose key the host has made, with the key that it had', async () => {
    await killAt('/jobs/boot-s5', () => create('s5', 'keyed'));
    assert.deepEqual(await outcome('s5', 'keyed'), { status: 'done', remoteId: 'job-s5' });
    const jobs = made('-s5').map((job) => job.split(' '));
    assert.deepEqual(
      jobs.map(([step]) => step),
      ['disk-s5', 'boot-s5', 'boot-s5'],
    );
    const [disk, boot, again] = jobs.map(([, key]) => key);
    assert.equal(boot, again);
    assert.notEqual(disk, boot);
  });

  it('charges once, and records the payment once', async () => {
    await killAt('/charges', () => charge('inv-1'));
    const { body } = await until(
      () => charge('inv-1'),
      ({ status }) => status === 200,
    );
    assert.deepEqual(made('charge'), ['charge-inv-1']);
    assert.equal(body.result.externalId, 'charge-inv-1');
    const facts = await request('GET', '/../facts');
    assert.deepEqual(
      facts.body.facts.map(({ externalId, state, matched }: any) => [externalId, state, matched]),
      [['charge-inv-1', 'succeeded', true]],
    );
  });

  it('remembers what the calls of the dead process asked', async () => {
    const { body } = await request('GET', '/calls?instance=servers/vms/default&state=done');
    const [last] = body.calls;
    const { body: call } = await request('GET', `/calls/${last.callId}`);
    assert.deepEqual(
      call.requests.map(({ capability, payload }: any) => [capability, payload.method]),
      [
        ['fetch', 'GET'],
        ['fetch', 'POST'],
        ['fetch', 'POST'],
      ],
    );
  });

  /** Runs a call, and kills the host as the vendor has done what the path asks, before it answers. */
  async function killAt(path: string, call: () => Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    vendor.onRequest = (asked) => {
      if (!asked.startsWith(path) && !asked.endsWith(path)) return undefined;
      vendor.onRequest = () => undefined;
      resolve();
      // The process that waits for it is about to die.
      return new Promise(() => undefined);
    };
    const running = call().catch(() => undefined);
    await promise;
    child.kill('SIGKILL');
    await once(child, 'exit');
    await running;
    await start();
  }

  function create(id: string, name = 'vms'): Promise<Reply> {
    const input = { id, properties: {} };
    const headers = { 'idempotency-key': `create-${id}` };
    return request('POST', `/extensions/servers/${name}/calls/create`, { input }, headers);
  }

  function charge(id: string): Promise<Reply> {
    const amount = { amountMinor: 500, currency: 'EUR' };
    const input = { invoice: { id, total: amount, items: [] }, amount, agreement: {} };
    const headers = { 'idempotency-key': `charge-${id}` };
    return request('POST', '/extensions/gateways/pay/calls/charge', { input }, headers);
  }

  /** What a repeat of the create is answered in the end. */
  async function outcome(id: string, name?: string): Promise<unknown> {
    const { body } = await until(
      () => create(id, name),
      ({ status }) => status === 200,
    );
    return body.result;
  }

  async function deadLetter(type: string): Promise<any> {
    const { body } = await until(
      () => request('GET', '/deliveries?kind=resume&state=dead'),
      (reply) => reply.body.deliveries.some((each: any) => each.type === type),
    );
    return body.deliveries.find((each: any) => each.type === type);
  }

  function made(id: string): string[] {
    return vendor.made.filter((each) => each.includes(id));
  }

  async function start(): Promise<void> {
    const main = join(import.meta.dirname, '../../fixtures/crash-host.ts');
    child = spawn(process.execPath, ['--no-warnings', main, String(vendor.port)], {
      env: {
        COFFERDAM_PORT: '0',
        COFFERDAM_DATA_DIR: join(dir, 'data'),
        COFFERDAM_EXTENSIONS: join(dir, 'extensions'),
        COFFERDAM_ADMIN_TOKEN: TOKEN,
        COFFERDAM_LOG_LEVEL: 'silent',
        COFFERDAM_ALLOW_UNJAILED: '1',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const chunk of child.stdout ?? []) {
      const found = /ready (\S+)/.exec(String(chunk));
      url = found?.[1] ?? '';
      if (found !== null) break;
    }
    assert.notEqual(url, '');
  }

  async function request(
    method: string,
    path: string,
    body?: unknown,
    headers: object = {},
  ): Promise<Reply> {
    const response = await fetch(new URL(`${url}/api/v1/admin${path}`), {
      method,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  async function extension(name: string, code: string, idempotency?: object): Promise<void> {
    const folder = join(dir, 'extensions', name);
    await mkdir(folder, { recursive: true });
    const asked = { hosts: ['api.example.com'], ...(idempotency && { idempotency }) };
    const fetchable = { capabilities: { fetch: asked } };
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifestFor(name, fetchable)));
    await writeFile(join(folder, 'extension.ts'), code);
  }
});

type Reply = { readonly status: number; readonly body: any };

/** Asks again until the answer is as it should be; the suite's own limit ends it. */
async function until(ask: () => Promise<Reply>, isSo: (reply: Reply) => boolean): Promise<Reply> {
  for (;;) {
    const reply = await ask();
    if (isSo(reply)) return reply;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function startVendor(): Promise<Vendor> {
  const made: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const key = request.headers['idempotency-key'];
    const once = request.headers['x-once'];
    if (typeof once === 'string') {
      const { step } = JSON.parse(text) as { step: string };
      made.push(`${step} ${once}`);
      await vendor.onRequest(`/jobs/${step}`);
      return void response.end('{}');
    }
    let reply: object | undefined = {};
    if (path.startsWith('/find')) reply = undefined;
    else if (typeof key === 'string') {
      if (!made.includes(key)) made.push(key);
      reply = { id: key };
    } else {
      const id = `vm-${(JSON.parse(text) as { service: string }).service}`;
      made.push(id);
      reply = { id };
    }
    await vendor.onRequest(path.split('?')[0] ?? '');
    response.writeHead(reply === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(reply ?? {}));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const vendor: Vendor = { server, port, made, onRequest: () => undefined };
  return vendor;
}
