// A host with what is asked of it while something fails: each thing can be sent again, as a panel or a vendor
// would, and afterwards there is the old state or the new one, with one effect.

import assert from 'node:assert/strict';

import { packFiles, upload } from './archive.ts';
import { startCountingVendor } from './counting-vendor.ts';
import type { CountingVendor } from './counting-vendor.ts';
import { egressTo } from './egress.ts';
import { manifestFor, other, startTestHost } from './host.ts';
import type { Answer, TestHost } from './host.ts';

const WORD = `import { defineOther, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ word: z.string() }),
  async execute(_input, { config }) { return config.word; },
  on: {
    async 'invoice.paid'(event, { fetch }) {
      const body = JSON.stringify({ service: event.id });
      await fetch('https://api.example.com/seen', { method: 'POST', body });
    },
  },
} as any);
`;
const VMS = `import { defineServer } from 'cofferdam/sdk';
export default defineServer({
  async create(service, { fetch, storage }) {
    const body = JSON.stringify({ service: service.id });
    const made = await (await fetch('https://api.example.com/vms', { method: 'POST', body })).json();
    await storage.set('last', made.id);
    return { status: 'done', remoteId: made.id };
  },
  async suspend() { return { status: 'done' }; },
  async unsuspend() { return { status: 'done' }; },
  async terminate() { return { status: 'done' }; },
} as any);
`;
const PAY = `import { defineGateway } from 'cofferdam/sdk';
const fact = (id) => ({ externalId: id, kind: 'payment', state: 'succeeded', amountMinor: 500, currency: 'EUR' });
export default defineGateway({
  async pay() { return { kind: 'done' }; },
  async webhook(request) { return { facts: [fact(JSON.parse(request.body).id)] }; },
  async charge({ invoice }, { fetch }) {
    const headers = { 'idempotency-key': 'charge-' + invoice.id };
    const reply = await fetch('https://api.example.com/charges', { method: 'POST', headers, body: '{}' });
    const { id } = await reply.json();
    return { status: 'done', externalId: id, facts: [{ ...fact(id), invoiceId: invoice.id }] };
  },
} as any);
`;

const fetchable = { fetch: { hosts: ['api.example.com'] } };
const extension = (name: string, code: string, capabilities: object): Record<string, string> => ({
  'manifest.json': JSON.stringify(manifestFor(name, { capabilities })),
  'extension.ts': code,
});

/** One thing that is asked; each time under another id. */
export type Subject = {
  readonly send: (id: string) => Promise<Answer>;
  /** What must hold as soon as the fault is over; `previous` is the id before */
  readonly isWhole?: (id: string, previous: string) => Promise<void>;
  /**
   * What must hold once it was sent until it was taken, or has failed for good where it may; `taken` is the
   * last answer
   */
  readonly isDone: (
    id: string,
    taken: Answer,
    options: { readonly mayFail: boolean },
  ) => Promise<void> | void;
};

/** The host, and who asks. */
export type FaultyHost = AsyncDisposable & {
  readonly host: TestHost;
  /** By name; the first word of it is not its own */
  readonly subjects: Readonly<Record<string, Subject>>;
  /** Calls whoever is served beside them; each call is told how many its isolate has had. */
  beside(): Promise<unknown>;
  /** As whoever gets no yes does, and with the person that the host asks. */
  sendUntilTaken(send: () => Promise<Answer>): Promise<Answer>;
  /**
   * Instances whose cells died too often rest; an admin who asks for a restart forgives them, and asks again
   * when the first one met a cell whose end the host had not heard of.
   */
  forgive(): Promise<void>;
  /** Waits until no delivery is open, and none is dead. */
  isQuiet(): Promise<void>;
};

/**
 * @param look Waits a moment, between two questions
 * @param onVendor What a request has asked of the vendor is done; its reply waits for the promise
 */
export async function startFaultyHost(
  look: () => Promise<void>,
  {
    onVendor = () => undefined,
    ...options
  }: Parameters<typeof startTestHost>[1] & {
    readonly onVendor?: () => Promise<void> | undefined;
  } = {},
): Promise<FaultyHost> {
  const vendor = await startCountingVendor(onVendor);
  const host = await startTestHost(
    {
      'others/word': extension('others/word', WORD, { ...fetchable, events: ['invoice.paid'] }),
      'servers/vms': extension('servers/vms', VMS, {
        ...fetchable,
        storage: { quotaBytes: 100_000 },
      }),
      'gateways/pay': extension('gateways/pay', PAY, { ...fetchable, webhook: true }),
      'others/beside': { 'extension.ts': other('return (calls += 1);', 'let calls = 0;') },
    },
    { ...options, egress: egressTo(vendor.port) },
  );
  await host.enable('others/word', { word: 'first' });
  await host.enable('servers/vms');
  await host.enable('gateways/pay');
  await host.enable('others/beside');
  assert.equal((await install(host, 'first')).status, 201);
  await host.enable('others/uploaded');
  const faulty = { host, vendor, look };
  return {
    host,
    subjects: createSubjects(faulty),
    beside: async () => (await host.call('others/beside', 'execute')).body.result,
    sendUntilTaken: (send) => sendUntilTaken(faulty, send),
    async forgive() {
      for (const each of ['others/word', 'servers/vms', 'gateways/pay', 'others/uploaded']) {
        const path = `/extensions/${each}/instances/default/restart`;
        while ((await host.request('POST', path)).status !== 200) await look();
      }
    },
    async isQuiet() {
      for (const state of ['waiting', 'running', 'dead']) {
        let open: readonly { kind: string; error: unknown }[];
        do {
          await look();
          open = (await host.request('GET', `/deliveries?state=${state}`)).body.deliveries;
          // What a handler of a dead cell was given is tried again five seconds later.
        } while (open.length > 0 && state !== 'dead');
        assert.deepEqual(open, []);
      }
    },
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await vendor[Symbol.asyncDispose]();
    },
  };
}

type Faulty = {
  readonly host: TestHost;
  readonly vendor: CountingVendor;
  readonly look: () => Promise<void>;
};

function createSubjects({ host, vendor, look }: Faulty): Readonly<Record<string, Subject>> {
  const post = (path: string, body: object): Promise<Answer> =>
    host.request('POST', `/../../..${path}`, body);
  const says = async (extension: string): Promise<string> => {
    let { body } = await host.call(extension, 'execute');
    // It met the process as it died.
    if (body.code === 'EXTENSION_CRASHED') ({ body } = await host.call(extension, 'execute'));
    return body.result ?? JSON.stringify(body);
  };
  const word = async (): Promise<{ config: string; says: string }> => {
    const { body } = await host.request('GET', '/extensions/others/word/instances/default');
    return { config: body.config.word, says: await says('others/word') };
  };
  const isInLedger = async (externalId: string): Promise<void> => {
    for (;;) {
      const { body } = await host.request('GET', '/../facts?limit=500');
      const found = body.facts.filter((each: any) => each.externalId === externalId);
      if (found.length === 1) return;
      assert.equal(found.length, 0);
      await look();
    }
  };
  const effectsOf = (made: string): number => vendor.made.filter((each) => each === made).length;
  return {
    'a config': {
      send: (id) => host.request('PUT', '/extensions/others/word/config', { word: id }),
      async isWhole(id, previous) {
        const { config, says } = await word();
        assert.ok([id, previous].includes(config), config);
        assert.equal(says, config);
      },
      async isDone(id) {
        assert.deepEqual(await word(), { config: id, says: id });
      },
    },
    'an installation': {
      send: (id) => install(host, id),
      async isWhole(id, previous) {
        const said = await says('others/uploaded');
        assert.ok([id, previous].includes(said), said);
      },
      async isDone(id) {
        assert.equal(await says('others/uploaded'), id);
      },
    },
    'an event': {
      send: (id) => post('/api/v1/events', { id, type: 'invoice.paid', data: {} }),
      async isDone(id) {
        while (!vendor.made.includes(`vm-${id}`)) await look();
      },
    },
    'a webhook and its fact': {
      send: (id) => post('/hooks/gateways/pay/default', { id }),
      isDone: (id) => isInLedger(id),
    },
    'an operation': {
      send(id) {
        const headers = { 'idempotency-key': `create-${id}` };
        const input = { id, properties: {} };
        return host.request('POST', '/extensions/servers/vms/calls/create', { input }, headers);
      },
      isDone: (id, taken, options) => assertOnce(effectsOf(`vm-${id}`), taken, options),
    },
    'a charge and its fact': {
      send(id) {
        const amount = { amountMinor: 500, currency: 'EUR' };
        const input = { invoice: { id, total: amount, items: [] }, amount, agreement: {} };
        const headers = { 'idempotency-key': `charge-${id}` };
        return host.request('POST', '/extensions/gateways/pay/calls/charge', { input }, headers);
      },
      async isDone(id, taken, options) {
        assertOnce(effectsOf(`charge-${id}`), taken, options);
        if (taken.status === 200) await isInLedger(`charge-${id}`);
      },
    },
  };
}

/** What was done has one effect, what failed has none. */
function assertOnce(
  effects: number,
  { status, body }: Answer,
  { mayFail }: { readonly mayFail: boolean },
): void {
  const said = JSON.stringify(body);
  assert.equal(effects, status === 200 ? 1 : 0, said);
  if (!mayFail) assert.equal(status, 200, said);
}

async function sendUntilTaken(
  { host, vendor, look }: Faulty,
  send: () => Promise<Answer>,
): Promise<Answer> {
  for (;;) {
    const answer = await send();
    const { status, body } = answer;
    if (status < 300) return answer;
    const isFinal = status >= 500 && body.code !== 'HOST_STORE_FAILED';
    if (isFinal || (status < 500 && body.code !== 'CALLER_CONFLICT')) return answer;
    const { body: dead } = await host.request('GET', '/deliveries?state=dead&kind=resume');
    for (const { id } of dead.deliveries) {
      const { body: full } = await host.request('GET', `/deliveries/${id}`);
      const service = JSON.parse(full.payload.inputText).id as string;
      const result = { status: 'done', remoteId: `vm-${service}` };
      const isThere = vendor.made.includes(`vm-${service}`);
      const said = isThere ? { as: 'done', result } : { as: 'again' };
      assert.equal((await host.request('POST', `/deliveries/${id}/resolve`, said)).status, 204);
    }
    await look();
  }
}

async function install(host: TestHost, text: string): Promise<Answer> {
  const archive = await packFiles('uploaded', {
    'manifest.json': JSON.stringify(manifestFor('others/uploaded')),
    'extension.ts': other(`return '${text}';`),
  });
  return upload(host.url, archive);
}
