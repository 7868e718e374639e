// What a server extension promises when the network fails it: whichever replies are lost on the way, or
// whichever request meets a rate limit, the panel tries again, and it ends as if nothing had happened.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { isFailure } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service } from 'cofferdam/sdk';

import type { TestContext } from '../helpers/context.ts';
import { handlersOf } from '../helpers/context.ts';
import { failureOf } from './subject.ts';
import type { ServerSubject, ServerVendor } from './subject.ts';

/** More requests than any vendor needs for one operation. */
const REQUESTS_MAX = 60;
const TRIES_MAX = 20;
const TOO_MANY = { status: 429, headers: { 'retry-after': '1' } };

type Ended = { readonly service: Service; readonly told: JsonObject; readonly requests: number };

/**
 * Registers the claims; call it inside nothing, once per vendor.
 *
 * @param mustTell Names of `oneTime` that reach the panel whichever replies are lost
 */
export function claimResumption(vendor: ServerVendor, mustTell: readonly string[]): void {
  describe(`${vendor.name}: a network that fails`, { timeout: 120_000 }, () => {
    it('creates one object, whichever two replies are lost', async () => {
      await eachLoss(async (lost) => {
        await using subject = await vendor.start();
        const ended = await drive(vendor, subject, {
          operation: 'create',
          service: subject.service(),
          lost,
        });
        const [object, ...others] = subject.objects();
        assert.deepEqual([object?.state, others], ['active', []], `lost: ${lost.join(', ')}`);
        for (const name of mustTell)
          assert.equal(typeof ended.told[name], 'string', `${name}, lost: ${lost.join(', ')}`);
        return ended.requests;
      });
    });

    it('creates one object, whichever request meets a rate limit', async () => {
      for (let limited = 1; limited <= REQUESTS_MAX; limited += 1) {
        await using subject = await vendor.start();
        const service = subject.service();
        const ended = await drive(vendor, subject, { operation: 'create', service, limited });
        assert.equal(subject.objects().length, 1, `limited: ${limited}`);
        for (const name of mustTell) assert.equal(typeof ended.told[name], 'string', name);
        if (ended.requests < limited) return;
      }
      assert.fail(`One operation took more than ${REQUESTS_MAX} requests`);
    });

    it(
      'waits for an order that nobody heard of any more, and that is still at work',
      { skip: vendor.taken === undefined },
      async () => {
        await using subject = await vendor.start();
        const handlers = handlersOf(vendor.definition);
        const service = subject.service();
        // The vendor takes the order, the connection breaks, and the work goes on behind it.
        let finish = (): Promise<unknown> => assert.fail('nothing was ordered');
        const { fetch } = subject.context();
        const isOrder = (url: unknown, init?: RequestInit): boolean => {
          const { pathname, search } = new URL(String(url));
          return vendor.patterns.create.test(`${init?.method} ${pathname}${search}`);
        };
        const deaf: typeof globalThis.fetch = async (url, init) => {
          if (!isOrder(url, init)) return await fetch(url, init);
          finish = () => fetch(url, init);
          throw new TypeError('The connection was closed before the reply arrived');
        };
        const busy: typeof globalThis.fetch = async (url, init) =>
          isOrder(url, init)
            ? Response.json(vendor.taken?.json, { status: vendor.taken?.status ?? 200 })
            : await fetch(url, init);
        const run = (through: typeof globalThis.fetch): Promise<ServerResult> =>
          handlers.create(service, { ...subject.context(), fetch: through });
        await failureOf(run(deaf), 'unavailable');
        const again = await failureOf(run(busy), 'locked');
        assert.ok(again.retriable && (again.retryAfterMs ?? 0) > 0);
        // Nothing is there to take away, yet: "gone" would leave what appears in a moment.
        await failureOf(handlers.terminate(service, subject.context()), 'locked');
        await finish();
        const ended = await drive(vendor, subject, { operation: 'create', service });
        assert.equal(subject.objects().length, 1);
        for (const name of mustTell) assert.equal(typeof ended.told[name], 'string', name);
      },
    );

    it(
      'leaves a name that is somebody else’s to the admin',
      { skip: vendor.taken === undefined },
      async () => {
        await using subject = await vendor.start();
        const handlers = handlersOf(vendor.definition);
        subject.vendor.answerNext(vendor.patterns.create, vendor.taken ?? { status: 200 });
        const order = handlers.create(subject.service(), subject.context());
        assert.equal((await failureOf(order, 'conflict')).retriable, false);
      },
    );

    it('terminates that object and no other, whichever two replies are lost', async () => {
      await eachLoss(async (lost) => {
        await using subject = await vendor.start();
        const make = (id: string) =>
          drive(vendor, subject, { operation: 'create', service: subject.service(id) });
        const { service } = await make('mine');
        await make('theirs');
        const theirs = subject.objects()[1];
        const ended = await drive(vendor, subject, { operation: 'terminate', service, lost });
        assert.deepEqual(subject.objects(), [theirs], `lost: ${lost.join(', ')}`);
        assert.deepEqual(ended.service.properties, {});
        return ended.requests;
      });
    });
  });
}

/** Loses each pair of replies once, and each single one; `run` says how many requests there were. */
async function eachLoss(run: (lost: readonly number[]) => Promise<number>): Promise<void> {
  for (let first = 1; first <= REQUESTS_MAX; first += 1) {
    for (let second = first; second <= REQUESTS_MAX; second += 1) {
      const requests = await run([first, second]);
      if (requests < first) return;
      if (requests < second) break;
    }
  }
  assert.fail(`One operation took more than ${REQUESTS_MAX} requests`);
}

/** Runs an operation as the panel does: tries again after a failure that may pass, asks while it is pending. */
async function drive(
  vendor: ServerVendor,
  subject: ServerSubject,
  run: {
    readonly operation: 'create' | 'terminate';
    readonly service: Service;
    /** Requests that do their work, and whose replies are lost */
    readonly lost?: readonly number[];
    /** The request that is refused because there were too many */
    readonly limited?: number;
  },
): Promise<Ended> {
  const handlers = handlersOf(vendor.definition);
  let { service } = run;
  let told: JsonObject = {};
  let requests = 0;
  let isPending = false;
  const context = (): TestContext<any> => {
    const steady = subject.context();
    const losing: typeof fetch = async (...input) => {
      requests += 1;
      if (requests === run.limited) return Response.json({ message: 'Slow down' }, TOO_MANY);
      const isLost = run.lost?.includes(requests) ?? false;
      const reply = await steady.fetch(...input);
      if (!isLost) return reply;
      await reply.body?.cancel();
      throw new TypeError('The connection was closed before the reply arrived');
    };
    return { ...steady, fetch: losing };
  };
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    let result: ServerResult;
    try {
      result = isPending
        ? await handlers.reconcile({ operation: run.operation, service }, context())
        : await handlers[run.operation](service, context());
    } catch (error) {
      assert.ok(isFailure(error) && error.failure.retriable, String(error));
      const { code, retryAfterMs } = error.failure;
      if (code === 'rate_limited') assert.equal(retryAfterMs, 1_000);
      continue;
    }
    assert.notEqual(result.status, 'failed');
    service = { ...service, properties: keep(service.properties, result.properties ?? {}) };
    if (result.status !== 'failed') told = { ...told, ...result.oneTime };
    if (result.status === 'done') return { service, told, requests };
    isPending = true;
    subject.finishWork();
  }
  return assert.fail(`"${run.operation}" does not end: ${JSON.stringify([run.lost, run.limited])}`);
}

/** Properties as the panel keeps them: null forgets a name. */
function keep(before: JsonObject, change: JsonObject): JsonObject {
  const all = Object.entries({ ...before, ...change }).filter(([, value]) => value !== null);
  return Object.fromEntries(all);
}
