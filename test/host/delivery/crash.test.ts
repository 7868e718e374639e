// kill -9 at every step of a create and of a charge, on both drivers: afterwards there is exactly one effect
// at the vendor, or a person is asked. All calls are under way at once when the host dies, each elsewhere.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { TEST_ROOT } from '../../helpers/folder.ts';
import { openTables } from '../../../host/store/open.ts';
import { startCountingVendor } from '../../helpers/counting-vendor.ts';
import type { CountingVendor } from '../../helpers/counting-vendor.ts';
import { startHostProcess, writeExtension } from '../../helpers/host-process.ts';
import type { HostProcess, Reply } from '../../helpers/host-process.ts';
import { postgresMissing, startPostgres } from '../../helpers/postgres.ts';
import type { TestPostgres } from '../../helpers/postgres.ts';

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

/** Whatever it sends is drawn anew, or read from a clock. */
const DRAWN = `import { createPassword, defineServer } from 'cofferdam/sdk';
const api = 'https://api.example.com';
const draw = () => ({
  ...{ now: Date.now(), since: performance.now(), math: Math.random(), uuid: crypto.randomUUID() },
  ...{ bytes: [...crypto.getRandomValues(new Uint8Array(8))], password: createPassword() },
});
export default defineServer({
  async create(service, { fetch }) {
    const send = (text) => {
      const headers = { 'idempotency-key': crypto.randomUUID() };
      return fetch(api + '/drawn', { method: 'POST', headers, body: JSON.stringify(text) });
    };
    await fetch(api + '/find?id=' + service.id);
    const first = draw();
    await new Promise((resolve) => setTimeout(resolve, 30));
    await send({ step: 'first', ...first, later: Date.now() });
    await send({ step: 'second', ...draw() });
    return { status: 'done', remoteId: service.id };
  },
  async suspend() { return { status: 'done' }; },
  async unsuspend() { return { status: 'done' }; },
  async terminate() { return { status: 'done' }; },
});
`;

/** Creates that wait for an answer of the vendor's that never comes, and for which one. */
const HELD: Readonly<Record<string, string>> = {
  early: '/find?id=early',
  late: '/vms/vm-late/start',
  unknown: '"service":"unknown"',
  again: '"service":"again"',
  keyed: '"step":"boot-keyed"',
  drawn: '"step":"second"',
};
/** What is written of either call; a test would hang if there were more. */
const STEPS = 9;
const plansOf = (kind: string): string[] =>
  Array.from({ length: STEPS }, (_, at) => [
    `before${at + 1}-${kind}`,
    `after${at + 1}-${kind}`,
  ]).flat();
const PLANS = { vm: plansOf('vm'), inv: plansOf('inv') };
const WHOLE = { vm: `before${STEPS + 1}-vm`, inv: `before${STEPS + 1}-inv` };
const MASTER_KEY = Buffer.alloc(32, 7).toString('base64');

for (const driver of ['sqlite', 'postgres'] as const) {
  const skip = driver === 'postgres' ? (postgresMissing() ?? false) : false;
  describe(`a host on ${driver} that is killed`, { skip, timeout: 180_000 }, () => {
    let postgres: TestPostgres | undefined;
    let databaseUrl: string | undefined;
    let vendor: CountingVendor;
    let dir: string;
    let host: HostProcess;
    /** What the vendor was sent by calls that draw */
    const drawn: { readonly key: string | undefined; readonly text: string }[] = [];

    before(async () => {
      postgres = driver === 'postgres' ? await startPostgres() : undefined;
      databaseUrl = await postgres?.createDatabase();
      const held = new Map<string, () => void>();
      const isHeld = Object.entries(HELD).map(
        ([id]) => new Promise<void>((resolve) => held.set(id, resolve)),
      );
      vendor = await startCountingVendor(({ path, text, id: key }) => {
        if (path === '/drawn') drawn.push({ key, text });
        const [id] =
          Object.entries(HELD).find(([, part]) => `${path} ${text}`.includes(part)) ?? [];
        const tell = id === undefined ? undefined : held.get(id);
        if (id === undefined || tell === undefined) return undefined;
        held.delete(id);
        tell();
        return new Promise(() => undefined);
      });
      dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-crash-'));
      await writeExtension(dir, 'servers/vms', { code: VMS });
      await writeExtension(dir, 'gateways/pay', { code: PAY });
      const idempotency = { 'api.example.com': 'X-Once' };
      await writeExtension(dir, 'servers/keyed', { code: KEYED, fetchable: { idempotency } });
      await writeExtension(dir, 'servers/drawn', { code: DRAWN });
      host = await start({ stopsAtSteps: true });
      for (const each of ['servers/vms', 'gateways/pay', 'servers/keyed', 'servers/drawn']) {
        const { status } = await host.request('POST', `/admin/extensions/${each}/enable`);
        assert.equal(status, 200);
      }
      const ended = Promise.allSettled([
        ...[...Object.keys(HELD), ...PLANS.vm].map((id) => create(id)),
        ...PLANS.inv.map((id) => charge(id)),
      ]);
      await Promise.all([...isHeld, everyPlanStops()]);
      // One step more there is none: these run to their end.
      for (const call of [create(WHOLE.vm), charge(WHOLE.inv)]) {
        assert.equal((await call).status, 200);
      }
      await host.kill();
      await ended;
      host = await start();
    });
    after(async () => {
      await host.kill();
      await vendor[Symbol.asyncDispose]();
      await postgres?.[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    });

    it('runs a create again that had no effect yet', async () => {
      assert.deepEqual(await outcome('early'), { status: 'done', remoteId: 'vm-early' });
      assert.deepEqual(made('early'), ['vm-early', 'start-early']);
    });

    it('goes on behind the effects that were answered', async () => {
      assert.deepEqual(await outcome('late'), { status: 'done', remoteId: 'vm-late' });
      assert.deepEqual(made('late'), ['vm-late', 'start-late']);
    });

    it('sends nothing twice that may have happened, and asks a person', async () => {
      const waits = await deadLetter('unknown');
      assert.equal(waits.error.code, 'CALLER_NEEDS_RECONCILIATION');
      assert.deepEqual(made('unknown'), ['vm-unknown']);
      const again = await create('unknown');
      assert.deepEqual([again.status, again.body.code], [409, 'CALLER_CONFLICT']);
      await resolve(waits, { as: 'done', result: { status: 'done', remoteId: 'vm-unknown' } });
      assert.deepEqual(await outcome('unknown'), { status: 'done', remoteId: 'vm-unknown' });
      assert.deepEqual(made('unknown'), ['vm-unknown']);
    });

    it('runs it from the beginning when a person says that the effect is not there', async () => {
      const waits = await deadLetter('again');
      vendor.made.splice(vendor.made.indexOf('vm-again'), 1);
      await resolve(waits, { as: 'again' });
      assert.deepEqual(await outcome('again'), { status: 'done', remoteId: 'vm-again' });
      assert.deepEqual(made('again'), ['vm-again', 'start-again']);
    });

    it('sends an effect again, whose key the host has made, with the key that it had', async () => {
      assert.deepEqual(await outcome('keyed'), { status: 'done', remoteId: 'job-keyed' });
      const jobs = vendor.made
        .filter((each) => each.includes('-keyed '))
        .map((each) => each.split(' '));
      assert.deepEqual(
        jobs.map(([step]) => step),
        ['disk-keyed', 'boot-keyed', 'boot-keyed'],
      );
      const [disk, boot, again] = jobs.map(([, key]) => key);
      assert.equal(boot, again);
      assert.notEqual(disk, boot);
    });

    it('reads the clocks and draws the random numbers that it had, and goes on', async () => {
      assert.deepEqual(await outcome('drawn'), { status: 'done', remoteId: 'drawn' });
      const [first, second, again] = drawn;
      assert.deepEqual(again, second);
      assert.notEqual(first?.key, second?.key);
      const said = drawn.map(({ text }) => JSON.parse(text));
      assert.ok(said[0].later >= said[0].now + 30 && said[0].since >= 0);
      await outcome('drawn-too');
      const { bytes, uuid, math, password } = JSON.parse(drawn[3]?.text ?? '');
      for (const value of [bytes, uuid, math, password].map((each) => JSON.stringify(each))) {
        assert.ok(drawn.slice(0, 3).every(({ text }) => !text.includes(value)));
      }
      assert.equal(drawn.length, 5);
    });

    it('remembers what the calls of the dead process asked', async () => {
      await outcome('late');
      const path = '/admin/calls?instance=servers/vms/default&state=done&limit=100';
      const { body } = await host.request('GET', path);
      const calls = await Promise.all(
        body.calls.map(({ callId }: any) => host.request('GET', `/admin/calls/${callId}`)),
      );
      const late = calls.find((call) => call.body.input.id === 'late');
      assert.deepEqual(
        late.body.requests.map(({ capability, payload }: any) => [capability, payload.method]),
        [
          ['fetch', 'GET'],
          ['fetch', 'POST'],
          ['fetch', 'POST'],
        ],
      );
    });

    it('creates once, wherever it stood when it died', async () => {
      for (const id of PLANS.vm) {
        assert.deepEqual(await outcomeWithPerson(id), { status: 'done', remoteId: `vm-${id}` }, id);
        assert.equal(made(`vm-${id}`).length, 1, id);
        assert.ok(made(`start-${id}`).length <= 1, id);
      }
    });

    it('charges once, and records the payment once, wherever it stood when it died', async () => {
      for (const id of PLANS.inv) {
        const { body } = await until(
          () => charge(id),
          ({ status }) => status === 200,
        );
        assert.equal(body.result.externalId, `charge-${id}`);
        assert.equal(made(`charge-${id}`).length, 1, id);
      }
      const { body } = await host.request('GET', '/facts?limit=100');
      const told = body.facts.map(({ externalId, state, matched }: any) => [
        externalId,
        state,
        matched,
      ]);
      assert.deepEqual(
        told.toSorted(),
        [...PLANS.inv, WHOLE.inv].map((id) => [`charge-${id}`, 'succeeded', true]).toSorted(),
      );
    });

    it('leaves nothing open behind, nor anything in the journal', async () => {
      for (const state of ['waiting', 'running', 'dead']) {
        const { body } = await until(
          () => host.request('GET', `/admin/deliveries?state=${state}`),
          (reply) => reply.body.deliveries.length === 0,
        );
        assert.deepEqual(body.deliveries, []);
      }
      await host.kill();
      await using tables = await openTables({ dataDir: join(dir, 'data'), databaseUrl }, 'beside');
      const effects = (await tables.list()).find(({ name }) => name === 'effects');
      assert.ok(effects);
      const left: unknown[] = [];
      await tables.snapshot(async (read) => {
        for await (const rows of read(effects)) left.push(...rows.map(([callId]) => callId));
      });
      assert.deepEqual(left, []);
    });

    /** Resolves once every call with a plan stands where that says. */
    async function everyPlanStops(): Promise<void> {
      const open = new Set([...PLANS.vm, ...PLANS.inv]);
      for await (const line of host.lines) {
        open.delete(line.replace('stopped ', ''));
        if (open.size === 0) return;
      }
    }

    function create(id: string): Promise<Reply> {
      const [, name = 'vms'] = /^(keyed|drawn)/.exec(id) ?? [];
      const input = { id, properties: {} };
      const headers = { 'idempotency-key': `create-${id}` };
      const path = `/admin/extensions/servers/${name}/calls/create`;
      return host.request('POST', path, { input }, headers);
    }

    function charge(id: string): Promise<Reply> {
      const amount = { amountMinor: 500, currency: 'EUR' };
      const input = { invoice: { id, total: amount, items: [] }, amount, agreement: {} };
      const headers = { 'idempotency-key': `charge-${id}` };
      const path = '/admin/extensions/gateways/pay/calls/charge';
      return host.request('POST', path, { input }, headers);
    }

    /** What a repeat of the create is answered in the end. */
    async function outcome(id: string): Promise<unknown> {
      const { body } = await until(
        () => create(id),
        ({ status }) => status === 200,
      );
      return body.result;
    }

    /** The same, with somebody who looks at the vendor when asked. */
    async function outcomeWithPerson(id: string): Promise<unknown> {
      for (;;) {
        const { status, body } = await create(id);
        if (status === 200) return body.result;
        const waits = await findDeadLetter(id);
        if (waits === undefined) continue;
        const result = { status: 'done', remoteId: `vm-${id}` };
        const isThere = made(`vm-${id}`).length > 0;
        await resolve(waits, isThere ? { as: 'done', result } : { as: 'again' });
      }
    }

    async function resolve(waits: { id: string }, said: object): Promise<void> {
      const path = `/admin/deliveries/${waits.id}/resolve`;
      assert.equal((await host.request('POST', path, said)).status, 204);
    }

    async function deadLetter(id: string): Promise<any> {
      for (;;) {
        const found = await findDeadLetter(id);
        if (found !== undefined) return found;
      }
    }

    async function findDeadLetter(id: string): Promise<any> {
      const path = '/admin/deliveries?kind=resume&state=dead&limit=100';
      const { body } = await host.request('GET', path);
      for (const each of body.deliveries) {
        const { body: full } = await host.request('GET', `/admin/deliveries/${each.id}`);
        if (full.payload.key === `create-${id}`) return each;
      }
      return undefined;
    }

    function made(id: string): string[] {
      return vendor.made.filter((each) => each.endsWith(id));
    }

    function start(more: { readonly stopsAtSteps?: boolean } = {}): Promise<HostProcess> {
      const settings = {
        MASTER_KEY,
        ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
      };
      return startHostProcess({ dir, vendorPort: vendor.port, settings, ...more });
    }
  });
}

/** Asks again until the answer is as it should be; the suite's own limit ends it. */
async function until(ask: () => Promise<Reply>, isSo: (reply: Reply) => boolean): Promise<Reply> {
  for (;;) {
    const reply = await ask();
    if (isSo(reply)) return reply;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
