// A host whose session with the database has ended holds no key any more, whether it has heard of that or
// not: another host may work on the same thing, so that this one may neither write nor send another effect.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, beforeEach, describe, it } from 'node:test';

import { Client } from 'pg';

import { openPostgresStore } from '../../host/store/postgres.ts';
import type { Held, Store } from '../../host/store/store.ts';
import { instanceRow } from '../contract/store-subject.ts';
import { startCountingVendor } from '../helpers/counting-vendor.ts';
import type { CountingVendor } from '../helpers/counting-vendor.ts';
import { egressTo } from '../helpers/egress.ts';
import { manifestFor, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';
import { postgresMissing, startPostgres } from '../helpers/postgres.ts';
import type { TestPostgres } from '../helpers/postgres.ts';
import { openTcpGate } from '../helpers/tcp-gate.ts';
import type { TcpGate } from '../helpers/tcp-gate.ts';

const MASTER_KEY = Buffer.alloc(32, 7).toString('base64');
/**
 * Each operation has two effects, one after the other, that a vendor knows again; `terminate` has two that it
 * does not, and looks at something between them; `unsuspend` waits for itself.
 */
const VMS = `import { defineServer } from 'cofferdam/sdk';
const api = 'https://api.example.com';
const steps = (name) => async (service, { fetch }) => {
  for (const step of ['one', 'two']) {
    const headers = { 'idempotency-key': name + '-' + step + '-' + service.id };
    await fetch(api + '/vms', { method: 'POST', headers, body: '{}' });
  }
  return { status: 'done' };
};
export default defineServer({
  create: steps('create'), suspend: steps('suspend'),
  async unsuspend(service, { fetch }) {
    await fetch(api + '/began');
    await new Promise((resolve) => setTimeout(resolve, 25_000));
    return { status: 'done' };
  },
  async terminate(service, { fetch }) {
    const end = (step) => {
      const body = JSON.stringify({ service: step + '-' + service.id });
      return fetch(api + '/vms', { method: 'POST', body });
    };
    await end('first');
    await fetch(api + '/between');
    await end('second');
    return { status: 'done' };
  },
} as any);
`;
const EXTENSIONS = {
  'servers/vms': {
    'extension.ts': VMS,
    'manifest.json': JSON.stringify(
      manifestFor('servers/vms', { capabilities: { fetch: { hosts: ['api.example.com'] } } }),
    ),
  },
};
const INSTANCE = 'others/echo/main';
const QUOTA = { nowMs: 0, quotaBytes: 1_000 };

const skip = postgresMissing() ?? false;

describe('a key of exclusive work in PostgreSQL', { skip, timeout: 180_000 }, () => {
  let postgres: TestPostgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres[Symbol.asyncDispose]());

  /** The session that holds a key. */
  async function sessionOf(key: string): Promise<{ pid: number; port: number }> {
    const [session] = await postgres.query(
      `SELECT pid, client_port FROM pg_locks JOIN pg_stat_activity USING (pid)
       WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND mode = 'ExclusiveLock'
         AND objid::bigint = hashtext('${key}')::bigint & 4294967295`,
    );
    assert.ok(session, `nobody holds "${key}"`);
    return { pid: Number(session['pid']), port: Number(session['client_port']) };
  }

  async function endSession(pid: number): Promise<void> {
    await postgres.query(`SELECT pg_terminate_backend(${pid})`);
  }

  function through(gate: TcpGate, url: string): string {
    const changed = new URL(url);
    changed.port = String(gate.port);
    return changed.href;
  }

  describe('of a store', () => {
    let gate: TcpGate;
    let url: string;
    let store: Store;
    let other: Store;
    before(async () => {
      url = await postgres.createDatabase();
      gate = await openTcpGate(Number(new URL(url).port));
      other = await openPostgresStore(url);
    });
    beforeEach(async () => {
      await store?.[Symbol.asyncDispose]();
      store = await openPostgresStore(through(gate, url));
    });
    after(async () => {
      for (const each of [store, other]) await each[Symbol.asyncDispose]();
      await gate[Symbol.asyncDispose]();
    });

    /** What exclusive work may write, by what it does. */
    const WRITES: Readonly<Record<string, (held: Store) => Promise<unknown>>> = {
      'journal an effect': (held) =>
        held.putEffect({
          ...{ callId: 'c', instance: INSTANCE, sequence: 1, request: 'r', reply: null },
        }),
      'put a value': (held) =>
        held.putValue(INSTANCE, { key: 'k', value: 1, expiresMs: null }, QUOTA),
      'change a value': (held) =>
        held.updateValue(INSTANCE, 'k', { ...QUOTA, expiresMs: null, change: () => 2 }),
      'put an instance': (held) => held.putInstance(instanceRow('main')),
      'put a config': (held) => held.putConfig(instanceRow('main'), 'tok', '2026-01-01'),
      'start an operation': (held) =>
        held.startOperation({
          ...{ instance: INSTANCE, key: 'k', callId: 'c', handler: 'h', inputHash: 'x' },
          ...{ startedAt: 'now', state: 'running', outcome: null },
        }),
      'do nothing': (held) => held.ping(),
    };

    it('lets everything be written while it is held', async () => {
      for (const [name, write] of Object.entries(WRITES)) {
        await store.exclusive('whole', (held) => write(held.store));
        assert.ok(true, name);
      }
      assert.equal(await other.value(INSTANCE, 'k', 0), 2);
      await other.removeInstance(instanceRow('main'));
      await other.removeEffects('c');
    });

    it('is told to be lost at once when its session is ended, and refuses what is written then', async () => {
      await store.exclusive('told', async (held) => {
        const lost = once(held.signal, 'abort');
        await endSession((await sessionOf('told')).pid);
        await lost;
        assert.match(String(held.signal.reason), /does not hold "told" any more/);
        await assertRefused(held);
      });
      await assertNothingWritten();
      assert.equal(await store.exclusive('told', async () => 'again'), 'again');
    });

    it('refuses what is written when its session has ended unheard', async () => {
      await store.exclusive('unheard', async (held) => {
        const { pid, port } = await sessionOf('unheard');
        gate.silence(port);
        await endSession(pid);
        assert.equal(held.signal.aborted, false);
        assert.equal(await other.exclusive('unheard', async () => 'mine'), 'mine');
        await assertRefused(held);
        assert.equal(held.signal.aborted, true, 'what was refused has told it');
      });
      await assertNothingWritten();
    });

    it('waits for what its last holder was writing when that lost it', async () => {
      await using blocker = await connect();
      await blocker.client.query('BEGIN');
      await blocker.client.query('LOCK TABLE cofferdam.effects');
      const order: string[] = [];
      await store.exclusive('late', async (held) => {
        const writing = WRITES['journal an effect']?.(held.store).then(() => order.push('written'));
        await waiting(blocker.client);
        await endSession((await sessionOf('late')).pid);
        const next = other.exclusive('late', async () => {
          order.push(`begun after ${(await other.effects('c')).length}`);
        });
        // It has tried by then, and more than once.
        for (let at = 0; at < 20; at += 1) await other.exclusive(`other ${at}`, () => other.ping());
        assert.deepEqual(order, []);
        await blocker.client.query('COMMIT');
        await Promise.all([writing, next]);
      });
      assert.deepEqual(order.toSorted(), ['begun after 1', 'written']);
      await other.removeEffects('c');
    });

    it('refuses what comes after the end of its work, and waits for what came before', async () => {
      let kept: Held | undefined;
      await store.exclusive('over', async (held) => {
        kept = held;
        void WRITES['put a value']?.(held.store);
      });
      assert.equal(await other.exclusive('over', () => other.value(INSTANCE, 'k', 0)), 1);
      await other.removeValue(INSTANCE, 'k');
      assert.ok(kept);
      await assertRefused(kept);
      await assertNothingWritten();
    });

    async function assertRefused(held: Held): Promise<void> {
      for (const [name, write] of Object.entries(WRITES)) {
        await assert.rejects(write(held.store), { code: 'HOST_STORE_FAILED' }, name);
      }
    }

    async function assertNothingWritten(): Promise<void> {
      assert.deepEqual(await other.effects('c'), []);
      assert.equal(await other.value(INSTANCE, 'k', 0), null);
      assert.deepEqual(await other.instances(), []);
    }

    async function connect(): Promise<AsyncDisposable & { readonly client: Client }> {
      const client = new Client({ connectionString: url });
      await client.connect();
      return { client, [Symbol.asyncDispose]: () => client.end() };
    }

    /** Until somebody waits for what that client has locked. */
    async function waiting(client: Client): Promise<void> {
      const text = 'SELECT count(*) AS number FROM pg_locks WHERE NOT granted';
      while (Number((await client.query(text)).rows[0].number) === 0);
    }
  });

  describe('of a call', () => {
    let gate: TcpGate;
    let url: string;
    let vendor: CountingVendor;
    let first: TestHost;
    let second: TestHost;
    /** Requests whose answer is kept back, and who waits for them to come. */
    const answered = new Map<string, PromiseWithResolvers<void>>();
    const arrived = new Map<string, PromiseWithResolvers<void>>();

    before(async () => {
      url = await postgres.createDatabase();
      gate = await openTcpGate(Number(new URL(url).port));
      vendor = await startCountingVendor(({ id, path }) => {
        arrived.get(id ?? path)?.resolve();
        return answered.get(id ?? path)?.promise;
      });
      const start = (databaseUrl: string): Promise<TestHost> =>
        startTestHost(EXTENSIONS, {
          settings: { COFFERDAM_DATABASE_URL: databaseUrl, COFFERDAM_MASTER_KEY: MASTER_KEY },
          egress: egressTo(vendor.port),
        });
      first = await start(through(gate, url));
      await first.enable('servers/vms');
      second = await start(url);
    });
    beforeEach(() => {
      vendor.made.length = 0;
    });
    after(async () => {
      for (const each of [first, second]) await each[Symbol.asyncDispose]();
      await gate[Symbol.asyncDispose]();
      await vendor[Symbol.asyncDispose]();
    });

    /** Keeps the answer to a request back. */
    function hold(id: string): { readonly arrives: Promise<void>; answer(): void } {
      const answer = Promise.withResolvers<void>();
      const arrival = Promise.withResolvers<void>();
      answered.set(id, answer);
      arrived.set(id, arrival);
      return { arrives: arrival.promise, answer: answer.resolve };
    }

    it('sends no other effect once another host may work on the same thing', async () => {
      const [creates, suspends] = [hold('create-one-s1'), hold('suspend-one-s1')];
      const creating = first.call('servers/vms', 'create', { id: 's1' });
      await creates.arrives;
      const { pid, port } = await sessionOf('call servers/vms/default service:s1');
      gate.silence(port);
      await endSession(pid);
      const suspending = second.call('servers/vms', 'suspend', { id: 's1' });
      await suspends.arrives;
      creates.answer();
      const refused = await creating;
      assert.deepEqual([refused.status, refused.body.code], [500, 'HOST_STORE_FAILED']);
      assert.deepEqual(vendor.made, ['create-one-s1', 'suspend-one-s1']);
      suspends.answer();
      assert.equal((await suspending).status, 200);
      await until(() => vendor.made.length === 4);
      assert.deepEqual(vendor.made.slice(2), ['suspend-two-s1', 'create-two-s1']);
      await nothingIsOpen();
    });

    it('ends a call that is told of its loss, and not before what it sent is answered', async () => {
      const began = hold('/began');
      began.answer();
      const creates = hold('create-one-s2');
      const idle = first.call('servers/vms', 'unsuspend', { id: 's3' });
      const creating = first.call('servers/vms', 'create', { id: 's2' });
      await Promise.all([began.arrives, creates.arrives]);
      await endSession((await sessionOf('call servers/vms/default service:s2')).pid);
      const ended = await idle;
      assert.deepEqual([ended.status, ended.body.code], [500, 'HOST_STORE_FAILED']);
      creates.answer();
      assert.equal((await creating).body.code, 'HOST_STORE_FAILED');
      // What was answered meanwhile is known to whoever goes on: nobody has to look at the vendor.
      await until(() => vendor.made.length === 2);
      assert.deepEqual(vendor.made, ['create-one-s2', 'create-two-s2']);
      await nothingIsOpen();
    });

    it('is what another host waits for that takes the call over, and reads only then how far it is', async () => {
      const between = hold('/between');
      const ending = first.call('servers/vms', 'terminate', { id: 's4' });
      await between.arrives;
      // As if the host had been still for as long as a claim may be held.
      await query(`UPDATE cofferdam.deliveries SET state = 'waiting' WHERE state = 'running'`);
      const taken = `SELECT 1 FROM cofferdam.deliveries WHERE state = 'running' AND attempt = 2`;
      await until(async () => (await query(taken)).length === 1);
      for (const host of [first, second]) await host.request('GET', '/deliveries');
      between.answer();
      assert.equal((await ending).status, 200);
      await nothingIsOpen();
      assert.deepEqual(vendor.made, ['vm-first-s4', 'vm-second-s4']);
      assert.deepEqual(await query('SELECT * FROM cofferdam.effects'), []);
    });

    async function nothingIsOpen(): Promise<void> {
      await until(async () => {
        const { body } = await second.request('GET', '/deliveries');
        const open = body.deliveries.filter(({ state }: any) => state !== 'done');
        assert.ok(!open.some(({ state }: any) => state === 'dead'), JSON.stringify(open));
        return open.length === 0;
      });
    }

    async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
      while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 30));
    }

    async function query(text: string): Promise<Record<string, unknown>[]> {
      const client = new Client({ connectionString: url });
      await client.connect();
      try {
        return (await client.query<Record<string, unknown>>(text)).rows;
      } finally {
        await client.end();
      }
    }
  });
});
