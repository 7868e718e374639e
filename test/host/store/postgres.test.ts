import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Client } from 'pg';

import { LEDGER_RULES } from '../../../host/ledger/merge.ts';
import { openStoreClock } from '../../../host/store/clock.ts';
import { openPostgresStore } from '../../../host/store/postgres.ts';
import type { Store } from '../../../host/store/store.ts';
import { storeContract } from '../../contract/store.ts';
import type { OpenedStore } from '../../contract/store-subject.ts';
import { postgresMissing, startPostgres } from '../../helpers/postgres.ts';
import type { TestPostgres } from '../../helpers/postgres.ts';

const skip = postgresMissing() ?? false;

describe('PostgreSQL', { skip, timeout: 300_000 }, () => {
  let postgres: TestPostgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres[Symbol.asyncDispose]());

  async function openDatabase(): Promise<OpenedStore> {
    const url = await postgres.createDatabase();
    const stores = [await openPostgresStore(url)];
    const [store] = stores;
    assert.ok(store !== undefined);
    return {
      store,
      location: url,
      async again() {
        const next = await openPostgresStore(url);
        stores.push(next);
        return next;
      },
      async [Symbol.asyncDispose]() {
        for (const each of stores) await each[Symbol.asyncDispose]();
      },
    };
  }

  storeContract({ driver: 'postgres', open: openDatabase });

  it('makes its tables once when many hosts start at the same time', async () => {
    const url = await postgres.createDatabase();
    const stores = await Promise.all(Array.from({ length: 6 }, () => openPostgresStore(url)));
    for (const store of stores) {
      await store.ping();
      await store[Symbol.asyncDispose]();
    }
  });

  it('tells the other hosts of what is to be delivered now, and of nothing else', async () => {
    await using opened = await openDatabase();
    const other = await opened.again();
    const kinds: string[] = [];
    const heard = new Promise<void>((resolve) => {
      other.listen(({ kind }) => {
        kinds.push(kind);
        if (kind === 'tokens') resolve();
      });
    });
    const { store } = opened;
    const about = { kind: 'event', target: 'x', subject: '', type: 't', payload: '{}' } as const;
    const row = (id: string, dueMs: number) => ({ ...about, id, dedupe: id, dueMs, createdMs: 0 });
    await store.addDeliveries([row('now', 0)]);
    await store.addDeliveries([row('later', Date.now() + 60_000)]);
    await store.addDeliveries([row('claimed', 0)], 'running');
    await store.removeToken('absent');
    await heard;
    assert.deepEqual(
      kinds.filter((kind) => kind !== 'all'),
      ['deliveries', 'tokens'],
    );
  });

  it('gives all hosts its own clock, whatever those of their machines say', async () => {
    await using opened = await openDatabase();
    const realMs = Date.now;
    try {
      for (const aheadMs of [-3_600_000, 0, 3_600_000]) {
        Date.now = () => realMs() + aheadMs;
        const clock = await openStoreClock(opened.store, () => performance.now());
        assert.ok(
          Math.abs(clock.nowMs() - realMs()) < 60_000,
          `${clock.nowMs() - realMs()} ms off`,
        );
      }
    } finally {
      Date.now = realMs;
    }
  });

  it('goes on beside a host of a newer version that has added a column to every table', async () => {
    await using opened = await openDatabase();
    const { store } = opened;
    const client = new Client({ connectionString: opened.location });
    await client.connect();
    let columns = 0;
    // A statement that fails takes its connection with it, and what that remembers of the others.
    for (const [name, ask] of Object.entries(statementsOf(store))) {
      await ask();
      columns += 1;
      await client.query(`DO $$ DECLARE of_ours record; BEGIN
        FOR of_ours IN SELECT tablename FROM pg_tables WHERE schemaname = 'cofferdam' LOOP
          EXECUTE format('ALTER TABLE cofferdam.%I ADD COLUMN later_${columns} text', of_ours.tablename);
        END LOOP; END $$`);
      await assert.doesNotReject(ask, name);
    }
    await client.end();
  });

  it('names the columns of whatever it reads', async () => {
    const folder = join(import.meta.dirname, '../../../host/store');
    for (const file of await readdir(folder)) {
      if (!file.startsWith('postgres-')) continue;
      const text = await readFile(join(folder, file), 'utf8');
      assert.doesNotMatch(text, /(?:SELECT|RETURNING) (?:\w+\.)?\*(?! FROM unnest)/, file);
    }
  });

  it('answers others, though another host stands still in the middle of a write', async () => {
    await using opened = await openDatabase();
    const { store } = opened;
    const client = new Client({ connectionString: opened.location });
    await client.connect();
    const bounds = { nowMs: 0, expiresMs: 100, keep: 100 };
    const fact = { kind: 'payment', state: 'succeeded', amountMinor: 1, currency: 'EUR' } as const;
    const lock = (space: number, instance: string): string =>
      `SELECT pg_advisory_xact_lock(${space}, hashtext('others/echo/${instance}'))`;
    /** What the other host has locked, and what then waits for it. */
    const cases: Readonly<Record<string, [string[], (at: number) => Promise<unknown>]>> = {
      'a webhook': [
        [lock(1_129_268_298, 'main')],
        (at) => store.seeOnce({ instance: 'others/echo/main', id: `${at}`, by: 'me' }, bounds),
      ],
      'a fact': [
        ['LOCK TABLE cofferdam.facts IN SHARE ROW EXCLUSIVE MODE'],
        (at) =>
          store.putFacts({
            ...{ instance: 'gateways/pay/main', nowMs: 1, rules: LEDGER_RULES },
            facts: [{ ...fact, externalId: `${at}` }],
            message: () => undefined,
          }),
      ],
      'values of many instances': [
        Array.from({ length: 12 }, (_, at) => lock(1_129_268_294, `of-${at}`)),
        (at) => {
          const entry = { key: 'k', value: 1, expiresMs: null };
          return store.putValue(`others/echo/of-${at}`, entry, { nowMs: 0, quotaBytes: 1_000 });
        },
      ],
    };
    for (const [name, [locks, ask]] of Object.entries(cases)) {
      await client.query('BEGIN');
      for (const each of locks) await client.query(each);
      const asked = Promise.all(Array.from({ length: 12 }, (_, at) => ask(at)));
      // The first ones overtake what waits; the last ones would find no connection.
      for (let at = 0; at < 30; at += 1) await assert.doesNotReject(store.ping(), name);
      await client.query('COMMIT');
      await asked;
    }
    await client.end();
  });

  it('refuses a database that a newer version wrote', async () => {
    await using opened = await openDatabase();
    const client = new Client({ connectionString: opened.location });
    await client.connect();
    await client.query('UPDATE cofferdam.schema_version SET version = 1000');
    await client.end();
    await assert.rejects(openPostgresStore(opened.location), {
      code: 'HOST_STORE_FAILED',
      message: /newer version/,
      remedy: 'Start that version, or restore a backup',
    });
  });

  it('says what to do when it cannot get in, and never the password', async () => {
    const { url } = postgres;
    const named = (change: (url: URL) => void): string => {
      const parsed = new URL(url);
      change(parsed);
      return parsed.href;
    };
    await postgres.query(`CREATE ROLE guest LOGIN PASSWORD 'guest-password'`);
    const guest = named((parsed) => {
      parsed.username = 'guest';
      parsed.password = 'guest-password';
      parsed.pathname = '/template1';
    });
    const cases = [
      [named((parsed) => (parsed.password = 'wrong-word')), /^Correct the password of "admin"/],
      [named((parsed) => (parsed.pathname = '/missing')), /^Make it with: createdb missing/],
      [named((parsed) => (parsed.port = '1')), /^Start PostgreSQL there/],
      [named((parsed) => (parsed.hostname = 'no-such-host.invalid')), /^Correct the host name/],
      [guest, /^Give the right: GRANT CREATE ON DATABASE "template1" TO "guest"/],
      ['postgres://admin:se%cret@127.0.0.1:port/x', /^Write postgres:\/\/user:password@host/],
    ] as const;
    for (const [wrong, remedy] of cases) {
      const error = await openPostgresStore(wrong).then(
        () => assert.fail(wrong),
        (thrown: unknown) => thrown as { code: string; remedy: string; message: string },
      );
      assert.equal(error.code, 'HOST_STORE_FAILED', wrong);
      assert.match(error.remedy, remedy);
      const shown = JSON.stringify([error, error.message, error.remedy]);
      for (const secret of ['wrong-word', 'pa%ss', 'pa%25ss', 'guest-password', 'se%cret']) {
        assert.ok(!shown.includes(secret), shown);
      }
    }
  });
});

/** Every statement that gives rows: the server remembers what they look like, on each connection. */
function statementsOf(store: Store): Readonly<Record<string, () => Promise<unknown>>> {
  const of = { category: 'others', name: 'echo', instance: 'main' } as const;
  const id = 'others/echo/main';
  const now = String(performance.now());
  const operation = {
    ...{ instance: id, key: 'k', callId: now, handler: 'h', inputHash: 'x', startedAt: 'now' },
    ...({ state: 'running', outcome: null } as const),
  };
  const delivery = { kind: 'event', target: id, subject: '', type: 't', payload: '{}' } as const;
  const fact = { externalId: now, kind: 'payment', state: 'succeeded', amountMinor: 1 } as const;
  return {
    instances: () => store.instances(),
    instance: () => store.instance(of),
    configHistory: () => store.configHistory(of),
    grantHistory: () => store.grantHistory(of),
    generations: () => store.generations('others', 'echo'),
    generation: () => store.generation('others', 'echo', 'hash'),
    archives: () => store.archives(),
    archive: () => store.archive('others', 'echo'),
    keepMark: () => store.keepMark('m', 'text'),
    tokens: () => store.tokens(),
    tokenByHash: () => store.tokenByHash('hash'),
    startOperation: () => store.startOperation(operation),
    startedOperation: () => store.startOperation({ ...operation, callId: `${now} again` }),
    value: () => store.value(id, 'k', 0),
    values: () => store.values(id, { prefix: '', after: '', limit: 1, nowMs: 0 }),
    audit: () => store.audit({ limit: 1 }),
    addDeliveries: () =>
      store.addDeliveries([{ ...delivery, id: now, dedupe: now, dueMs: 0, createdMs: 0 }]),
    claimDeliveries: () => store.claimDeliveries({ nowMs: 1, limit: 1, perTarget: 1, except: [] }),
    deliveries: () => store.deliveries({ limit: 1 }),
    delivery: () => store.delivery('id'),
    sizeOpenDeliveries: () => store.sizeOpenDeliveries(id, 1),
    countDeliveries: () => store.countDeliveries(),
    freeLostClaims: () => store.freeLostClaims(Number(now)),
    putFacts: () =>
      store.putFacts({
        ...{ instance: id, nowMs: 1, facts: [{ ...fact, currency: 'EUR' }], rules: LEDGER_RULES },
        message: () => undefined,
      }),
    facts: () => store.facts({ after: 0, limit: 1 }),
    fact: () => store.fact(id, 'external'),
    call: () => store.call('call'),
    calls: () => store.calls({ limit: 1 }),
    effects: () => store.effects('call'),
    sightings: () => store.sightings({}),
    earned: () => store.earned(id, 0),
    seeOnce: () =>
      store.seeOnce({ instance: id, id: now, by: 'me' }, { nowMs: 0, expiresMs: 1, keep: 10 }),
  };
}

describe('a PostgreSQL that goes away', { skip, timeout: 120_000 }, () => {
  let postgres: TestPostgres;
  let store: Store;
  before(async () => {
    postgres = await startPostgres();
    store = await openPostgresStore(await postgres.createDatabase());
  });
  after(async () => {
    await store[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  });

  it('fails clearly while it is gone and works again when it is back', async () => {
    const entry = { key: 'k', value: 1, expiresMs: null };
    const options = { nowMs: 0, quotaBytes: 1_000 };
    await store.putValue('others/echo/default', entry, options);
    await postgres.kill();
    await assert.rejects(store.ping(), { code: 'HOST_STORE_FAILED' });
    await assert.rejects(store.putValue('others/echo/default', entry, options), {
      code: 'HOST_STORE_FAILED',
    });
    await assert.rejects(
      store.exclusive('k', async () => undefined),
      {
        code: 'HOST_STORE_FAILED',
      },
    );
    await postgres.restart();
    assert.equal(await store.value('others/echo/default', 'k', 0), 1);
    assert.equal(await store.exclusive('k', async () => 'done'), 'done');
  });
});
