// Whatever is asked of a host, the store fails at its first operation, at its second, and so on, before it
// has done what it was asked or behind that; or the cells die there, or the clock jumps. Afterwards there is the old state or the
// new one, and what is sent again, as a panel or a vendor would, has its effect once.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';

import { HostError } from '../../../host/errors.ts';
import { openStore } from '../../../host/store/open.ts';
import { packFiles, upload } from '../../helpers/archive.ts';
import { startCountingVendor } from '../../helpers/counting-vendor.ts';
import type { CountingVendor } from '../../helpers/counting-vendor.ts';
import { manifestFor, other, startTestHost } from '../../helpers/host.ts';
import type { Answer, TestHost } from '../../helpers/host.ts';
import { interceptStore } from '../../helpers/intercept-store.ts';
import type { StoreOperation } from '../../helpers/intercept-store.ts';

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

/** Looks of the host's own, which come when they come. */
const BACKGROUND: ReadonlySet<string> = new Set([
  ...['claimDeliveries', 'freeLostClaims', 'purgeDeliveries', 'purgeEffects', 'purgeCalls'],
  ...['putCalls', 'deliveries', 'countDeliveries', 'putSightings', 'readClock', 'renewWaits'],
]);
const KINDS = ['before', 'after', 'cell', 'later', 'earlier'] as const;
const WORDS = {
  before: 'that has done nothing:',
  after: 'that has done it all the same:',
  cell: 'that lives, while cells die:',
  later: 'that lives, while the clock jumps ahead:',
  earlier: 'that lives, while the clock falls back:',
} as const;
/** How far the wall clock jumps: over every deadline and back-off of a call. */
const JUMP_MS = 3_600_000;
/** More operations than anything here has. */
const MOST = 60;

type Fault = { readonly at: number; readonly kind: (typeof KINDS)[number]; done: boolean };

describe('a store that fails once', { timeout: 240_000 }, () => {
  let host: TestHost;
  let vendor: CountingVendor;
  let fault: Fault | undefined;
  let count = 0;
  const clock = createClock();

  before(async () => {
    clock.start();
    vendor = await startCountingVendor();
    host = await startTestHost(
      {
        'others/word': extension('others/word', WORD, { ...fetchable, events: ['invoice.paid'] }),
        'servers/vms': extension('servers/vms', VMS, {
          ...fetchable,
          storage: { quotaBytes: 100_000 },
        }),
        'gateways/pay': extension('gateways/pay', PAY, { ...fetchable, webhook: true }),
      },
      {
        openStore: async (where) => interceptStore(await openStore(where), failOnce),
        egress: {
          resolve: async () => ['93.184.215.14'],
          detour: () => ({ address: '127.0.0.1', port: vendor.port, plain: true }),
        },
      },
    );
    await host.enable('others/word', { word: 'first' });
    await host.enable('servers/vms');
    await host.enable('gateways/pay');
    assert.equal((await install('first')).status, 201);
    await host.enable('others/uploaded');
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await vendor[Symbol.asyncDispose]();
    clock.stop();
  });

  /** One thing that is asked; each time under another id. */
  type Subject = {
    readonly kinds?: readonly Fault['kind'][];
    readonly send: (id: string) => Promise<Answer>;
    /** What must hold as soon as the fault is over; `previous` is the id before */
    readonly isWhole?: (id: string, previous: string) => Promise<void>;
    /** What must hold once it was sent until it was taken; `taken` is the last answer */
    readonly isDone: (id: string, taken: Answer, kind: Fault['kind']) => Promise<void> | void;
  };
  const SUBJECTS: Readonly<Record<string, Subject>> = {
    'a config': {
      kinds: ['before', 'after', 'later', 'earlier'],
      send: (word) => host.request('PUT', '/extensions/others/word/config', { word }),
      async isWhole(id, previous) {
        const { body } = await host.request('GET', '/extensions/others/word/instances/default');
        assert.ok([id, previous].includes(body.config.word), body.config.word);
        assert.ok([id, previous].includes((await host.call('others/word', 'execute')).body.result));
      },
      async isDone(id) {
        const { body } = await host.request('GET', '/extensions/others/word/instances/default');
        assert.equal(body.config.word, id);
        assert.equal((await host.call('others/word', 'execute')).body.result, id);
      },
    },
    'an installation': {
      kinds: ['before', 'after', 'later', 'earlier'],
      send: install,
      async isWhole(id, previous) {
        const { body } = await host.call('others/uploaded', 'execute');
        assert.ok([id, previous].includes(body.result), JSON.stringify(body));
      },
      async isDone(id) {
        assert.equal((await host.call('others/uploaded', 'execute')).body.result, id);
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
      isDone(id, { status, body }, kind) {
        const effects = vendor.made.filter((each) => each === `vm-${id}`).length;
        assertOnce(effects, { status, body, kind });
      },
    },
    'a charge and its fact': {
      send(id) {
        const amount = { amountMinor: 500, currency: 'EUR' };
        const input = { invoice: { id, total: amount, items: [] }, amount, agreement: {} };
        const headers = { 'idempotency-key': `charge-${id}` };
        return host.request('POST', '/extensions/gateways/pay/calls/charge', { input }, headers);
      },
      async isDone(id, { status, body }, kind) {
        const effects = vendor.made.filter((each) => each === `charge-${id}`).length;
        assertOnce(effects, { status, body, kind });
        if (status === 200) await isInLedger(`charge-${id}`);
      },
    },
  };

  for (const [name, { kinds = KINDS, send, isWhole, isDone }] of Object.entries(SUBJECTS)) {
    let previous = 'first';
    for (const kind of kinds) {
      it(`${WORDS[kind]} ${name} can be sent again`, async () => {
        for (let at = 1; ; at += 1) {
          assert.ok(at < MOST, 'it never passes untouched');
          const id = `${kind}${at}-${name.split(' ')[1]}`;
          fault = { at, kind, done: false };
          count = 0;
          const answer = await send(id);
          const isHit = fault.done;
          fault = undefined;
          if (kind === 'cell') await forgive();
          await isWhole?.(id, previous);
          const taken = answer.status < 300 ? answer : await sendUntilTaken(() => send(id));
          await isDone(id, taken, kind);
          previous = id;
          if (isHit) continue;
          assert.ok(answer.status < 300, JSON.stringify(answer.body));
          assert.ok(at > 2, 'nothing was tried');
          return;
        }
      });
    }
  }

  it('leaves nothing open behind', async () => {
    for (const state of ['waiting', 'running', 'dead']) {
      let open: readonly { kind: string; error: unknown }[];
      do {
        await look();
        open = (await host.request('GET', `/deliveries?state=${state}`)).body.deliveries;
        // What a handler of a dead cell was given is tried again five seconds later.
      } while (open.length > 0 && state !== 'dead');
      assert.deepEqual(open, []);
    }
  });

  async function failOnce({ name, run }: StoreOperation): Promise<unknown> {
    if (fault === undefined || fault.done || BACKGROUND.has(name)) return run();
    count += 1;
    if (count !== fault.at) return run();
    fault.done = true;
    if (fault.kind === 'cell') {
      await killCells();
      return run();
    }
    if (fault.kind === 'later' || fault.kind === 'earlier') {
      clock.jump(fault.kind === 'later' ? JUMP_MS : -JUMP_MS);
      return run();
    }
    if (fault.kind === 'after') await run();
    throw new HostError('HOST_STORE_FAILED', `The store failed in "${name}"`);
  }

  /** As whoever gets no yes does, and with the person that the host asks. */
  async function sendUntilTaken(send: () => Promise<Answer>): Promise<Answer> {
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

  async function isInLedger(externalId: string): Promise<void> {
    for (;;) {
      const { body } = await host.request('GET', '/../facts?limit=500');
      const found = body.facts.filter((each: any) => each.externalId === externalId);
      if (found.length === 1) return;
      assert.equal(found.length, 0);
      await look();
    }
  }

  async function post(path: string, body: object): Promise<Answer> {
    const { status, body: text, headers } = await host.request('POST', `/../../..${path}`, body);
    return { status, body: text, headers };
  }

  async function install(text: string): Promise<Answer> {
    const archive = await packFiles('uploaded', {
      'manifest.json': JSON.stringify(manifestFor('others/uploaded')),
      'extension.ts': other(`return '${text}';`),
    });
    const { status, body } = await upload(host.url, archive);
    return { status, body, headers: new Headers() };
  }

  /**
   * Instances whose cells died too often rest; an admin who asks for a restart forgives them, and asks again
   * when the first one met a cell whose end the host had not heard of.
   */
  async function forgive(): Promise<void> {
    for (const each of ['others/word', 'servers/vms', 'gateways/pay']) {
      const path = `/extensions/${each}/instances/default/restart`;
      while ((await host.request('POST', path)).status !== 200) await look();
    }
  }
});

/** What was done has one effect, what failed has none. */
function assertOnce(
  effects: number,
  { status, body, kind }: Pick<Answer, 'status' | 'body'> & Pick<Fault, 'kind'>,
): void {
  const said = JSON.stringify(body);
  assert.equal(effects, status === 200 ? 1 : 0, said);
  if (kind !== 'cell') assert.equal(status, 200, said);
}

/** The wall clock of this process, which the host reads; timers go by another one. */
function createClock(): { start(): void; jump(ms: number): void; stop(): void } {
  const real = Date.now;
  let offsetMs = 0;
  return {
    start: () => void (Date.now = () => real() + offsetMs),
    jump: (ms) => void (offsetMs += ms),
    stop: () => void (Date.now = real),
  };
}

/** SIGKILL to every cell of this process; a cell is given its program as a text. */
async function killCells(): Promise<void> {
  let killed = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const read = (file: string): Promise<string> =>
      readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    const parent = /^PPid:\t(\d+)$/m.exec(await read('status'))?.[1];
    if (Number(parent) !== process.pid) continue;
    if (!(await read('cmdline')).includes('--input-type=commonjs')) continue;
    process.kill(Number(pid), 'SIGKILL');
    killed += 1;
  }
  assert.ok(killed > 0, 'no cell was found');
}

function look(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}
