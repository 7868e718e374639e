// A 404 that no panel made, at whichever request it comes: of a proxy without a body, with text, with
// JSON of its own. No server extension may take it for an object that is gone, nor make a second one.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { isFailure } from 'cofferdam/sdk';
import type { Service } from 'cofferdam/sdk';

import { settle } from '../../contract/subject.ts';
import type { ServerSubject, ServerVendor } from '../../contract/subject.ts';
import { handlersOf } from '../../helpers/context.ts';
import { SERVER_VENDORS } from '../../vendors/servers.ts';

/** More requests than any vendor needs for one operation. */
const REQUESTS_MAX = 60;
const BODIES = ['', 'default backend - 404', '{"message":"no Route matched with those values"}'];

type Operation = 'create' | 'suspend' | 'terminate';

/** Runs an operation to its end; the request at `at` is answered 404. Returns how many there were. */
async function runWith404(
  vendor: ServerVendor,
  subject: ServerSubject,
  run: { operation: Operation; service: Service; at: number; body: string },
): Promise<{ requests: number; isDone: boolean }> {
  const handlers = handlersOf(vendor.definition);
  let requests = 0;
  const failing: ServerSubject = {
    ...subject,
    context(options) {
      const steady = subject.context(options);
      const fetch: typeof globalThis.fetch = async (...input) => {
        requests += 1;
        return requests === run.at
          ? new Response(run.body, { status: 404 })
          : await steady.fetch(...input);
      };
      return { ...steady, fetch };
    },
  };
  const { operation, service } = run;
  try {
    const first = await handlers[operation](service, failing.context());
    const { result } = await settle(vendor, failing, { operation, service, first });
    return { requests, isDone: result.status === 'done' };
  } catch (error) {
    assert.ok(isFailure(error), String(error));
    return { requests, isDone: false };
  }
}

for (const vendor of SERVER_VENDORS) {
  describe(`${vendor.name}: a 404 that the panel did not make`, { timeout: 60_000 }, () => {
    const handlers = handlersOf(vendor.definition);
    const create = async (subject: ServerSubject): Promise<Service> => {
      const service = subject.service();
      const first = await handlers.create(service, subject.context());
      return (await settle(vendor, subject, { operation: 'create', service, first })).service;
    };
    const eachRequest = async (
      try404: (subject: ServerSubject, at: number, body: string) => Promise<number>,
    ): Promise<void> => {
      for (const body of BODIES) {
        for (let at = 1; ; at += 1) {
          assert.ok(at <= REQUESTS_MAX);
          await using subject = await vendor.start();
          if ((await try404(subject, at, body)) < at) break;
        }
      }
    };

    it('is no proof that an object was removed', async () => {
      await eachRequest(async (subject, at, body) => {
        const service = await create(subject);
        const ended = await runWith404(vendor, subject, {
          operation: 'terminate',
          service,
          at,
          body,
        });
        const left = subject.objects().length;
        assert.ok(!ended.isDone || left === 0, `request ${at}, "${body}": done, ${left} left`);
        return ended.requests;
      });
    });

    it('leads to no second object', async () => {
      await eachRequest(async (subject, at, body) => {
        const service = await create(subject);
        const forgotten = { ...service, properties: {} };
        const run = { operation: 'create', service: forgotten, at, body } as const;
        const ended = await runWith404(vendor, subject, run);
        assert.equal(subject.objects().length, 1, `request ${at}, "${body}"`);
        return ended.requests;
      });
    });

    it('does not count as suspended', async () => {
      await eachRequest(async (subject, at, body) => {
        const service = await create(subject);
        const ended = await runWith404(vendor, subject, {
          operation: 'suspend',
          service,
          at,
          body,
        });
        const state = subject.objects()[0]?.state;
        assert.ok(!ended.isDone || state === 'suspended', `request ${at}, "${body}": ${state}`);
        return ended.requests;
      });
    });
  });
}
