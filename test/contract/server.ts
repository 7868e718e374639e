// What every server extension promises, as claims that run against its vendor's fake.
// A vendor's test file hands in a `ServerVendor`; the claims know no vendor.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { JsonObject, Service } from 'cofferdam/sdk';

import { handlersOf } from '../helpers/context.ts';
import { failureOf, settle } from './subject.ts';
import type { ServerSubject, ServerVendor } from './subject.ts';

const BUSY = {
  status: 429,
  json: { message: 'Too Many Attempts.' },
  headers: { 'retry-after': '7' },
};
const PAGE = { status: 200, html: '<!DOCTYPE html><html><body>Sign in</body></html>' };
const DOWN = { status: 502, html: '<html><h1>502 Bad Gateway</h1></html>' };

/** Registers the claims; call it inside nothing, once per vendor. */
export function claimServer(vendor: ServerVendor): void {
  describe(`${vendor.name}: contract of servers`, { timeout: 60_000 }, () => {
    const handlers = handlersOf(vendor.definition);
    const { patterns } = vendor;
    let subject: ServerSubject;
    beforeEach(async () => {
      subject = await vendor.start();
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    const writes = () =>
      subject.vendor.requests.filter(({ method, path, query }) =>
        patterns.create.test(`${method} ${path}${query.size === 0 ? '' : `?${query.toString()}`}`),
      ).length;
    const create = async (service = subject.service()) =>
      settle(vendor, subject, {
        operation: 'create',
        service,
        first: await handlers.create(service, subject.context()),
      });
    const run = async (operation: 'suspend' | 'unsuspend' | 'terminate', service: Service) =>
      settle(vendor, subject, {
        operation,
        service,
        first: await handlers[operation](service, subject.context()),
      });
    const wrong = () => subject.context({ isWrong: true });

    it('says that a good connection is good', async () => {
      const { ok, message } = await handlers.testConnection(subject.context());
      assert.deepEqual([ok, typeof message], [true, 'string']);
    });

    it('reports wrong credentials as unauthorized and says what to do', async () => {
      const { remedy, retriable } = await failureOf(
        handlers.testConnection(wrong()),
        'unauthorized',
      );
      assert.ok(remedy !== undefined && remedy.length > 20);
      assert.equal(retriable, false);
    });

    it('recognises a web page where the API should be', async () => {
      subject.vendor.answerNext(patterns.probe, PAGE);
      const { message } = await failureOf(
        handlers.testConnection(subject.context()),
        'invalid_response',
      );
      assert.match(message, /HTML page/);
    });

    it('tells an error page of a proxy as unavailable, never as a parse error', async () => {
      subject.vendor.answerNext(patterns.probe, DOWN);
      const { retriable, message } = await failureOf(
        handlers.testConnection(subject.context()),
        'unavailable',
      );
      assert.equal(retriable, true);
      assert.match(message, /502/);
    });

    it('passes on how long a rate limit asks to wait', async () => {
      subject.vendor.answerNext(patterns.lookup, BUSY);
      const failure = await failureOf(
        handlers.create(subject.service(), subject.context()),
        'rate_limited',
      );
      assert.deepEqual([failure.retriable, failure.retryAfterMs], [true, 7_000]);
      assert.equal(subject.objects().length, 0);
    });

    it('gives up with a timeout when the call is over', async () => {
      const signal = AbortSignal.abort(new DOMException('The deadline passed', 'AbortError'));
      await failureOf(handlers.create(subject.service(), subject.context({ signal })), 'timeout');
      assert.equal(subject.objects().length, 0);
    });

    it('creates one object for the customer and names it', async () => {
      const { result, service } = await create();
      assert.equal(result.status, 'done');
      const [object, ...others] = subject.objects();
      assert.deepEqual(others, []);
      assert.deepEqual([object?.email, object?.state], ['ada@example.com', 'active']);
      assert.equal(result.remoteId, object?.id);
      assert.notDeepEqual(service.properties, {});
    });

    it('creates nothing twice for one service', async () => {
      const first = await create();
      const again = await create(first.service);
      const forgotten = await create();
      assert.equal(subject.objects().length, 1);
      assert.deepEqual(
        [again.result, forgotten.result].map((each) => each.status !== 'failed' && each.remoteId),
        [subject.objects()[0]?.id, subject.objects()[0]?.id],
      );
      assert.equal(writes(), 1);
    });

    it('creates nothing twice when the reply was lost', async () => {
      subject.vendor.loseReply(patterns.create);
      await failureOf(handlers.create(subject.service(), subject.context()), [
        'unavailable',
        'timeout',
      ]);
      assert.equal(subject.objects().length, 1);
      const { result } = await create();
      assert.equal(result.status !== 'failed' && result.remoteId, subject.objects()[0]?.id);
      assert.equal(subject.objects().length, 1);
    });

    it('creates one object each for two services at once', async () => {
      const [a, b] = await Promise.all([
        create(subject.service('41')),
        create(subject.service('42')),
      ]);
      assert.deepEqual([a.result.status, b.result.status], ['done', 'done']);
      assert.equal(new Set(subject.objects().map(({ id }) => id)).size, 2);
    });

    it('creates nothing when it cannot know whether the object exists', async () => {
      subject.vendor.answerNext(patterns.lookup, {
        status: 500,
        json: { message: 'Server Error' },
      });
      await failureOf(handlers.create(subject.service(), subject.context()), 'unavailable');
      subject.vendor.answerNext(patterns.lookup, vendor.unauthorized);
      await failureOf(handlers.create(subject.service(), subject.context()), 'unauthorized');
      subject.vendor.answerNext(patterns.lookup, PAGE);
      await failureOf(handlers.create(subject.service(), subject.context()), 'invalid_response');
      assert.deepEqual([subject.objects().length, writes()], [0, 0]);
    });

    it('names the field that the vendor refuses', async () => {
      subject.vendor.answerNext(patterns.create, vendor.refusedField.reply);
      const { message, retriable } = await failureOf(
        handlers.create(subject.service(), subject.context()),
        ['rejected', 'invalid_input'],
      );
      assert.ok(message.includes(vendor.refusedField.field), message);
      assert.equal(retriable, false);
    });

    it('takes the customer by the exact e-mail address, whatever its letters’ case', async () => {
      subject.addCustomer('zada@example.com');
      subject.addCustomer('ada@example.com.au');
      subject.addCustomer('Ada@Example.com');
      await create();
      assert.equal(subject.objects()[0]?.email.toLowerCase(), 'ada@example.com');
    });

    it('gives nobody a server whose address only looks like theirs', async () => {
      subject.addCustomer('zada@example.com');
      await create();
      assert.equal(subject.objects()[0]?.email, 'ada@example.com');
    });

    it('lets a customer change nothing that the admin set', async () => {
      await create(subject.service('plain'));
      await create({
        ...subject.service('greedy'),
        checkout: { ...subject.service().checkout, ...vendor.greedyCheckout },
      });
      const [plain, greedy] = subject.objects();
      assert.deepEqual(greedy?.size, plain?.size);
    });

    it('suspends and unsuspends, and a second time changes nothing', async () => {
      const { service } = await create();
      for (const operation of ['suspend', 'suspend', 'unsuspend', 'unsuspend'] as const) {
        const { result } = await run(operation, service);
        assert.equal(result.status, 'done', operation);
        const wanted = operation === 'suspend' ? 'suspended' : 'active';
        assert.equal(subject.objects()[0]?.state, wanted, operation);
      }
    });

    it('finds the object again when the panel lost its properties', async () => {
      const { service } = await create();
      assert.equal((await run('suspend', { ...service, properties: {} })).result.status, 'done');
      assert.equal(subject.objects()[0]?.state, 'suspended');
    });

    it('reports a missing object as not_found when it should be suspended', async () => {
      const { service } = await create();
      subject.vanish(subject.objects()[0]?.id ?? '');
      await failureOf(handlers.suspend(service, subject.context()), 'not_found');
      await failureOf(handlers.suspend(subject.service('none'), subject.context()), 'not_found');
    });

    it('terminates, and leaves no properties behind', async () => {
      const { service } = await create();
      const ended = await run('terminate', service);
      assert.equal(ended.result.status, 'done');
      assert.deepEqual([subject.objects().length, ended.service.properties], [0, {}]);
      const again = await create(ended.service);
      assert.deepEqual([again.result.status, subject.objects().length], ['done', 1]);
    });

    it('counts an object that is gone as terminated', async () => {
      const { service } = await create();
      subject.vanish(subject.objects()[0]?.id ?? '');
      assert.equal((await run('terminate', service)).result.status, 'done');
      assert.equal((await run('terminate', subject.service('never'))).result.status, 'done');
    });

    it('never takes an error for an object that is gone', async () => {
      const { service } = await create();
      subject.vendor.answerNext(patterns.terminate, {
        status: 500,
        json: { message: 'Server Error' },
      });
      await failureOf(handlers.terminate(service, subject.context()), 'unavailable');
      await failureOf(handlers.terminate(service, wrong()), 'unauthorized');
      subject.vendor.answerNext(patterns.terminate, DOWN);
      await failureOf(handlers.terminate(service, subject.context()), 'unavailable');
      assert.equal(subject.objects().length, 1);
    });

    it('terminates for good after a lost reply', async () => {
      const { service } = await create();
      subject.vendor.loseReply(patterns.terminate);
      await failureOf(handlers.terminate(service, subject.context()), ['unavailable', 'timeout']);
      assert.equal((await run('terminate', service)).result.status, 'done');
      assert.equal(subject.objects().length, 0);
    });

    it('leaves the objects of other services alone', async () => {
      const mine = await create(subject.service('mine'));
      await create(subject.service('theirs'));
      const theirs = subject.objects()[1];
      await run('suspend', mine.service);
      await run('terminate', mine.service);
      assert.deepEqual(subject.objects(), [theirs]);
    });

    it('tells passwords once and keeps them nowhere', async () => {
      const context = subject.context();
      const service = subject.service();
      const first = await handlers.create(service, context);
      const settled = await settle(vendor, subject, { operation: 'create', service, first });
      const told = Object.entries(settled.oneTime)
        .filter(([name]) => /password/i.test(name))
        .map(([, value]) => String(value));
      const { oneTime: _once, ...kept } = first as { oneTime?: JsonObject };
      const everything = JSON.stringify([kept, settled.service, context.logs, [...context.stored]]);
      for (const password of told) assert.ok(!everything.includes(password));
      assert.ok(
        Object.keys(settled.service.properties).every((name) => !/pass|secret/i.test(name)),
      );
    });

    it('sends its credentials in their one place, and nowhere else', async () => {
      const { service } = await create();
      await run('suspend', service);
      await run('terminate', service);
      for (const request of subject.vendor.requests) {
        assert.ok(vendor.hasCredentials(request), `${request.method} ${request.path}`);
        const query = new URLSearchParams(request.query);
        for (const name of vendor.credentialParameters ?? []) query.delete(name);
        const rest = [request.path, query.toString(), request.body].join('\n');
        for (const secret of vendor.secrets) assert.ok(!rest.includes(secret), request.path);
      }
    });

    it('keeps its credentials out of results, logs and failures', async () => {
      const context = subject.context();
      const result = await handlers.create(subject.service(), context);
      const failure = await failureOf(handlers.testConnection(wrong()), 'unauthorized');
      const said = JSON.stringify([result, context.logs, failure]);
      for (const secret of [...vendor.secrets, 'sealed:']) assert.ok(!said.includes(secret));
    });

    it('returns plain JSON from every handler', async () => {
      const { service } = await create();
      const context = subject.context();
      const results: unknown[] = [await handlers.suspend(service, context)];
      results.push(await handlers.unsuspend(service, context));
      const { definition } = vendor;
      results.push(await definition.info?.(service, context));
      results.push(await definition.usage?.(service, context));
      results.push(await definition.list?.({}, context));
      results.push(await definition.productConfig?.(service.product.settings, context));
      results.push(
        await definition.checkoutConfig?.({ product: service.product, values: {} }, context),
      );
      for (const result of results.filter((each) => each !== undefined))
        assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
    });

    it(
      'reads the list to its last page',
      { skip: vendor.definition.list === undefined },
      async (t) => {
        if (subject.fillPages === undefined) return t.skip('the vendor has no pages');
        const expected = subject.fillPages();
        const { service } = await create();
        const all = await handlers.list({}, subject.context());
        assert.equal(all.length, expected + 1);
        assert.equal(new Set(all.map(({ remoteId }) => remoteId)).size, expected + 1);
        const mine = all.find(({ remoteId }) => remoteId === subject.objects().at(-1)?.id);
        assert.equal(mine?.status, 'active');
        if (mine?.serviceId !== undefined) assert.equal(mine.serviceId, service.id);
      },
    );

    it(
      'changes the package, and a second time changes nothing',
      { skip: vendor.larger === undefined },
      async () => {
        const { service } = await create();
        const product = { ...service.product, settings: vendor.larger?.settings ?? {} };
        const change = { ...service, product, previousProduct: service.product };
        for (let tries = 0; tries < 2; tries += 1) {
          const first = await handlers.changePackage(change, subject.context());
          const { result } = await settle(vendor, subject, {
            operation: 'changePackage',
            service: change,
            first,
          });
          assert.equal(result.status, 'done');
          assert.deepEqual(subject.objects()[0]?.size, vendor.larger?.size);
        }
      },
    );

    it(
      'makes a login link to the vendor’s own host over https',
      { skip: vendor.loginHost === undefined },
      async () => {
        const { service } = await create();
        const { url } = await handlers.getLoginUrl(service, subject.context());
        assert.deepEqual([new URL(url).protocol, new URL(url).host], ['https:', vendor.loginHost]);
      },
    );

    it('measures with units', { skip: vendor.definition.usage === undefined }, async () => {
      const { service } = await create();
      const usage = await handlers.usage(service, subject.context());
      assert.ok(usage.length > 0);
      for (const { used, limit } of usage) {
        assert.ok(Number.isFinite(used) && used >= 0);
        assert.ok(limit === null || (Number.isFinite(limit) && limit > 0));
      }
    });

    it('offers product fields with options that exist', async () => {
      const settings = subject.service().product.settings;
      const fields = await handlers.productConfig(settings, subject.context());
      assert.equal(new Set(fields.map(({ name }) => name)).size, fields.length);
      for (const { name, type, options } of fields) {
        if (type !== 'select' && type !== 'multiselect') continue;
        assert.ok(Array.isArray(options), name);
        const chosen = [settings[name] ?? []].flat();
        for (const value of chosen)
          assert.ok(
            options.some((each) => String(each.value) === String(value)),
            `${name}=${String(value)}`,
          );
      }
    });

    it('validates before the sale without changing anything', async () => {
      const { product, user, checkout } = subject.service();
      assert.deepEqual(await handlers.validate({ product, checkout, user }, subject.context()), []);
      if (vendor.badCheckout !== undefined) {
        const problems = await handlers.validate(
          { product, checkout: { ...checkout, ...vendor.badCheckout.checkout }, user },
          subject.context(),
        );
        assert.deepEqual(
          problems.map(({ field }) => field),
          [vendor.badCheckout.field],
        );
      }
      assert.deepEqual([subject.objects().length, writes()], [0, 0]);
    });
  });
}
