// Events, webhooks, facts, ticks and messages to the panel through a real host.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';

import { GATE, NOTES, SLOW } from '../../fixtures/delivery-extensions.ts';
import { manifestFor, startTestHost } from '../../helpers/host.ts';
import type { Answer, TestHost } from '../../helpers/host.ts';

const PANEL_SECRET = 'whsec_' + Buffer.from('a panel secret of 32 bytes or so').toString('base64');

type Message = { readonly headers: IncomingMessage['headers']; readonly body: string };

describe('deliveries', { timeout: 120_000 }, () => {
  let host: TestHost;
  let panel: Server;
  const messages: Message[] = [];
  const refusals: number[] = [];

  before(async () => {
    panel = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const status = refusals.shift() ?? 204;
        const body = Buffer.concat(chunks).toString();
        if (status === 204) messages.push({ headers: request.headers, body });
        response.writeHead(status).end();
        panel.emit('told');
      });
    }).listen(0, '127.0.0.1');
    await once(panel, 'listening');
    const { port } = panel.address() as AddressInfo;
    const storage = { quotaBytes: 100_000 };
    const events = ['invoice.paid', 'ticket.*', 'order.made', 'order.lost'];
    host = await startTestHost(
      {
        'others/notes': {
          'manifest.json': manifest('others/notes', { storage, events }),
          'extension.ts': NOTES,
        },
        'gateways/gate': {
          'manifest.json': manifest('gateways/gate', { webhook: true }),
          'extension.ts': GATE,
        },
        'servers/slow': { 'extension.ts': SLOW },
      },
      {
        settings: {
          COFFERDAM_PANEL_URL: `http://127.0.0.1:${port}/cofferdam`,
          COFFERDAM_PANEL_SECRET: PANEL_SECRET,
          COFFERDAM_PUBLIC_URL: 'https://hooks.example.com/',
        },
      },
    );
    for (const each of ['others/notes', 'gateways/gate', 'servers/slow']) await host.enable(each);
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    panel.close();
  });

  const api = async (method: string, path: string, body?: unknown): Promise<Answer> =>
    host.request(method, `/..${path}`, body);

  it('delivers an event to every instance that was granted its type, once', async () => {
    const event = { id: 'evt-1', type: 'invoice.paid', data: { invoiceId: 'inv_1' } };
    const first = await api('POST', '/events', event);
    assert.deepEqual(
      [first.status, first.body],
      [202, { id: 'evt-1', deliveries: 1, refused: [] }],
    );
    await ended('event', 1);
    const again = await api('POST', '/events', event);
    assert.equal(again.body.deliveries, 0);
    await api('POST', '/events', { id: 'evt-2', type: 'ticket.reply.made', data: {} });
    await api('POST', '/events', { id: 'evt-3', type: 'invoice.made', data: {} });
    await ended('event', 2);
    const { body } = await host.call('others/notes', 'execute');
    assert.deepEqual(body.result, [
      { type: 'invoice.paid', data: { invoiceId: 'inv_1' }, attempt: 1 },
      { type: 'ticket.reply.made' },
    ]);
  });

  it('tries an event again that failed for now, and buries one that failed for good', async () => {
    await api('POST', '/events', { id: 'evt-4', type: 'order.made', data: {} });
    const dead = host.nextChange('delivery.dead');
    await api('POST', '/events', { id: 'evt-5', type: 'order.lost', data: {} });
    const { subject, data } = await dead;
    assert.deepEqual([subject, data.error.code], ['others/notes/default', 'EXTENSION_FAILED']);
    await ended('event', 3);
    const { body } = await host.request('GET', '/deliveries?state=dead');
    const [letter] = body.deliveries;
    assert.deepEqual(
      [letter.kind, letter.type, letter.attempt, letter.error.message],
      ['event', 'order.lost', 1, 'The vendor does not want it'],
    );
    const notes = await host.call('others/notes', 'execute');
    assert.deepEqual(notes.body.result.at(-1), { type: 'order.made', attempt: 2 });
  });

  it('replays a dead letter by hand, and audits that', async () => {
    const { body } = await host.request('GET', '/deliveries?state=dead');
    const { id } = body.deliveries[0];
    const dead = host.nextChange('delivery.dead');
    const replayed = await host.request('POST', `/deliveries/${id}/replay`);
    assert.deepEqual([replayed.status, replayed.body.state], [200, 'waiting']);
    await dead;
    const { body: audit } = await host.request('GET', '/audit?action=delivery.replay');
    assert.deepEqual(
      audit.entries.map(({ subject, details }: any) => [subject, details.id]),
      [[replayed.body.target, id]],
    );
  });

  it('names the field of an event that cannot be one', async () => {
    const { status, body } = await api('POST', '/events', { type: 'Invoice Paid', data: {} });
    assert.deepEqual(
      [status, body.code, body.details.field],
      [400, 'CALLER_INPUT_INVALID', 'type'],
    );
    const huge = { type: 'invoice.paid', data: { text: 'x'.repeat(300_000) } };
    assert.equal((await api('POST', '/events', huge)).status, 413);
  });

  it('records the facts of a signed webhook and tells the panel of each', async () => {
    const told = once(panel, 'told');
    await host.call('gateways/gate', 'pay', payment('inv_1', 1_999));
    const facts = [fact('pay_1', 'succeeded')];
    assert.equal((await hook({ facts })).status, 200);
    await told;
    const { body } = await api('GET', '/facts');
    const { at: _at, changedAt: _changedAt, ...entry } = body.facts[0];
    assert.deepEqual(entry, {
      cursor: '1',
      instance: 'gateways/gate/default',
      externalId: 'pay_1',
      kind: 'payment',
      state: 'succeeded',
      amountMinor: 1_999,
      currency: 'EUR',
      invoiceId: 'inv_1',
      feeMinor: null,
      relatedExternalId: null,
      refundedMinor: 0,
      matched: true,
      problem: null,
    });
    assert.equal(body.next, '1');
    assert.deepEqual((await api('GET', '/facts?after=1')).body, { facts: [], next: '1' });
    const [message] = messages;
    assert.ok(message !== undefined);
    assertSigned(message);
    const { type, data } = JSON.parse(message.body);
    assert.deepEqual([type, data], ['payment.succeeded', body.facts[0]]);
  });

  it('adds nothing for a repeated or older fact', async () => {
    await hook({ facts: [fact('pay_1', 'succeeded'), fact('pay_1', 'processing')] });
    assert.equal((await api('GET', '/facts')).body.next, '1');
  });

  it('tells the panel again until it takes the message', async () => {
    refusals.push(500);
    const before = messages.length;
    await hook({ facts: [fact('pay_2', 'processing')] });
    await listed('kind=panel&state=waiting', ([first]) => first?.error?.code === 'REMOTE_PROTOCOL');
    assert.equal(messages.length, before);
  });

  it('answers 401 to a forged webhook and keeps nothing of it', async () => {
    const before = (await host.request('GET', '/deliveries?kind=webhook')).body.deliveries.length;
    const forged = await hook({ facts: [fact('pay_9', 'succeeded')] }, { 'x-signature': 'bad' });
    assert.deepEqual([forged.status, await forged.text()], [401, '']);
    const after = (await host.request('GET', '/deliveries?kind=webhook')).body.deliveries.length;
    assert.equal(after, before);
  });

  it('keeps a webhook that it has verified, though the vendor then refuses our own key', async () => {
    const body = JSON.stringify({ refused: true });
    const right = createHmac('sha256', 'shared').update(body).digest('hex');
    const reply = await hook({ refused: true }, { 'x-hub': right });
    assert.equal(reply.status, 202);
    await listed('kind=webhook&state=dead', ([first]) => first?.error?.code === 'EXTENSION_FAILED');
    const forged = await hook({ refused: true }, { 'x-hub': '0'.repeat(64) });
    assert.equal(forged.status, 401);
  });

  it('accepts a webhook that cannot be worked on now, and works on it later', async () => {
    const reply = await hook({ outage: true, facts: [fact('pay_3', 'succeeded')] });
    assert.equal(reply.status, 202);
    const { subject } = await host.nextChange('fact.recorded');
    assert.equal(subject, 'gateways/gate/default');
  });

  it('passes a body on byte for byte', async () => {
    const bytes = Buffer.from([0, 255, 254, 1]);
    const reply = await hook(bytes);
    assert.equal(await reply.text(), bytes.toString('base64'));
  });

  it('never serves a handler’s reply as a page', async () => {
    const reply = await hook({ page: true });
    assert.equal(reply.status, 207);
    assert.equal(reply.headers.get('content-type'), 'text/plain; charset=utf-8');
    assert.equal(reply.headers.get('x-other'), null);
  });

  it('says 404 alike of unknown, disabled and deaf instances', async () => {
    const problems = [];
    for (const path of ['gateways/none/default', 'gateways/gate/other', 'others/notes/default']) {
      const reply = await fetch(`${host.url}/hooks/${path}`, { method: 'POST', body: '{}' });
      problems.push([reply.status, ((await reply.json()) as { detail: string }).detail]);
    }
    assert.deepEqual(new Set(problems.map(String)).size, 1);
    assert.equal(problems[0]?.[0], 404);
  });

  it('refuses a webhook body over its limit', async () => {
    const reply = await hook(Buffer.alloc(512 * 1024 + 1, 97));
    assert.equal(reply.status, 413);
  });

  it('asks about a pending operation until it is done; a repeat gets the final outcome', async () => {
    const service = { id: 'svc_1', properties: { old: 1 } };
    const headers = { 'idempotency-key': 'create-svc_1' };
    const path = '/extensions/servers/slow/calls/create';
    const first = await host.request('POST', path, { input: service }, headers);
    assert.equal(first.body.result.status, 'pending');
    await ended('reconcile', 1);
    const again = await host.request('POST', path, { input: service }, headers);
    assert.deepEqual(again.body.result, {
      status: 'done',
      remoteId: 'vm-1',
      properties: { operation: 'create', task: 'T1', step: 1 },
    });
    while (!messages.some(({ body }) => body.includes('operation.finished'))) {
      await once(panel, 'told');
    }
    const message = messages.find(({ body }) => body.includes('operation.finished'));
    const { data } = JSON.parse(message?.body ?? '{}');
    assert.deepEqual(data.result.oneTime, { user: 'early', password: 'late-42' });
    await listed('kind=panel', (all) => all.every(({ type }) => type !== 'operation.finished'));
    assert.deepEqual(
      [data.operation, data.operationId, data.result.status],
      ['create', 'create-svc_1', 'done'],
    );
  });

  it('runs calls about one service one after the other, others beside them', async () => {
    const call = (handler: string, id: string): Promise<Answer> =>
      host.call('servers/slow', handler, { id, properties: {} });
    const together = async (...calls: Promise<Answer>[]): Promise<number[]> =>
      (await Promise.all(calls)).map(({ body }) => body.result.properties.together);
    const same = await together(
      call('suspend', 's1'),
      call('unsuspend', 's1'),
      call('suspend', 's1'),
    );
    assert.deepEqual(same, [1, 1, 1]);
    const apart = await together(call('suspend', 's1'), call('suspend', 's2'));
    assert.deepEqual(apart.toSorted(), [1, 2]);
  });

  it('lets the panel tell events and read facts, and nothing more', async () => {
    const { body } = await host.request('POST', '/tokens', { name: 'panel', role: 'panel' });
    const as = async (method: string, path: string, json?: object): Promise<number> =>
      (
        await fetch(`${host.url}${path}`, {
          method,
          headers: {
            authorization: `Bearer ${body.secret}`,
            ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        })
      ).status;
    assert.equal(await as('POST', '/api/v1/events', { type: 'user.made', data: {} }), 202);
    assert.equal(await as('GET', '/api/v1/facts'), 200);
    assert.equal(await as('GET', '/api/v1/admin/deliveries'), 403);
    assert.equal((await fetch(`${host.url}/api/v1/facts`)).status, 401);
  });

  /** Waits until so many deliveries of a kind are done. */
  async function ended(kind: string, count: number): Promise<void> {
    await listed(`kind=${kind}&state=done`, ({ length }) => length >= count);
  }

  /** Lists deliveries until they are as they should be; the suite's own limit ends it. */
  async function listed(query: string, isSo: (deliveries: any[]) => boolean): Promise<void> {
    for (;;) {
      const { body } = await host.request('GET', `/deliveries?${query}`);
      if (isSo(body.deliveries)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  function hook(body: object | Buffer, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${host.url}/hooks/gateways/gate/default`, {
      method: 'POST',
      headers: { 'x-signature': 'good', ...headers },
      body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body),
    });
  }
});

function manifest(extension: string, capabilities: object): string {
  return JSON.stringify(manifestFor(extension, { capabilities }));
}

function payment(invoiceId: string, amountMinor: number): object {
  const total = { amountMinor, currency: 'EUR' };
  return { invoice: { id: invoiceId, total, items: [] }, amount: total };
}

function fact(externalId: string, state: string): object {
  return {
    externalId,
    kind: 'payment',
    state,
    amountMinor: 1_999,
    currency: 'EUR',
    invoiceId: 'inv_1',
  };
}

/** As a panel would check it by the Standard Webhooks specification. */
function assertSigned({ headers, body }: Message): void {
  const id = String(headers['webhook-id']);
  const seconds = String(headers['webhook-timestamp']);
  const key = Buffer.from(PANEL_SECRET.slice('whsec_'.length), 'base64');
  const hmac = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  assert.equal(headers['webhook-signature'], `v1,${hmac}`);
  assert.ok(Math.abs(Number(seconds) - Date.now() / 1_000) < 60);
}
