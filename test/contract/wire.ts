// What a server extension promises about the wire itself, at whichever request it breaks: a certificate
// that is not the pinned one, a time-out before or after the panel did its work.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { isFailure } from 'cofferdam/sdk';
import type { FailureCode, ServerResult, Service } from 'cofferdam/sdk';

import { handlersOf } from '../helpers/context.ts';
import { failureOf, settle } from './subject.ts';
import type { ServerSubject, ServerVendor } from './subject.ts';

/** More requests than any panel needs for one operation. */
const REQUESTS_MAX = 60;
const PRESENTED = Array.from({ length: 32 }, () => 'A7').join(':');

/** As the host's fetch refuses a connection, seen from inside the sandbox. */
const strange = (): Error =>
  Object.assign(new Error('The certificate of "panel" is not trusted: it is not the pinned one'), {
    code: 'REMOTE_CERTIFICATE',
    details: {
      sha256: PRESENTED,
      hostname: 'panel',
      remedy: `Compare the SHA-256 fingerprint ${PRESENTED} with the one shown on the server, then pin it in the config`,
    },
  });
/** As the host's fetch gives up on a panel by itself. */
const silent = (): Error =>
  Object.assign(new Error('"panel" did not answer in time'), { code: 'REMOTE_TIMED_OUT' });

type Break = {
  /** The request at which it breaks; the first is 1 */
  readonly at: number;
  /** `certificate`: nothing is sent; `before`, `after`: the call ends before or after the panel's work */
  readonly how: 'certificate' | 'before' | 'after';
};
type Operation = 'create' | 'terminate';

/** Registers the claims; call it inside nothing, once per vendor. */
export function claimWire(vendor: ServerVendor): void {
  describe(`${vendor.name}: a wire that breaks`, { timeout: 120_000 }, () => {
    const handlers = handlersOf(vendor.definition);
    const create = async (subject: ServerSubject): Promise<Service> => {
      const service = subject.service();
      const first = await handlers.create(service, subject.context());
      return (await settle(vendor, subject, { operation: 'create', service, first })).service;
    };

    it('reports a strange certificate with the fingerprint that was shown', async () => {
      await using subject = await vendor.start();
      const fetch = () => Promise.reject(strange());
      const failure = await failureOf(
        handlers.testConnection({ ...subject.context(), fetch }),
        'certificate',
      );
      assert.equal(failure.retriable, false);
      assert.ok((failure.remedy ?? '').includes(PRESENTED), 'the remedy does not show it');
    });

    it('reports a panel that the host gave up on as a time-out', async () => {
      await using subject = await vendor.start();
      const fetch = () => Promise.reject(silent());
      const failure = await failureOf(
        handlers.testConnection({ ...subject.context(), fetch }),
        'timeout',
      );
      assert.equal(failure.retriable, true);
    });

    for (const how of ['certificate', 'before', 'after'] as const) {
      it(`makes nothing twice after a break, ${NAMES[how]}`, async () => {
        await eachRequest(async (at) => {
          await using subject = await vendor.start();
          const service = subject.service();
          const broken = await runBroken(vendor, subject, {
            operation: 'create',
            service,
            at,
            how,
          });
          const first = await handlers.create(broken.service, subject.context());
          const { result } = await settle(vendor, subject, {
            operation: 'create',
            service: broken.service,
            first,
          });
          const [object, ...others] = subject.objects();
          assert.deepEqual([result.status, object?.state, others], ['done', 'active', []], `${at}`);
          return broken.requests;
        });
      });

      it(`removes that object and no other after a break, ${NAMES[how]}`, async () => {
        await eachRequest(async (at) => {
          await using subject = await vendor.start();
          const service = await create(subject);
          const broken = await runBroken(vendor, subject, {
            operation: 'terminate',
            service,
            at,
            how,
          });
          const first = await handlers.terminate(broken.service, subject.context());
          const { result } = await settle(vendor, subject, {
            operation: 'terminate',
            service: broken.service,
            first,
          });
          assert.deepEqual([result.status, subject.objects()], ['done', []], `${at}`);
          return broken.requests;
        });
      });
    }
  });
}

const NAMES = {
  certificate: 'by a strange certificate',
  before: 'by a time-out before the panel acted',
  after: 'by a time-out after the panel acted',
} as const;
const CODES: Readonly<Record<Break['how'], FailureCode>> = {
  certificate: 'certificate',
  before: 'timeout',
  after: 'timeout',
};

async function eachRequest(run: (at: number) => Promise<number>): Promise<void> {
  for (let at = 1; at <= REQUESTS_MAX; at += 1) if ((await run(at)) < at) return;
  assert.fail(`One operation took more than ${REQUESTS_MAX} requests`);
}

/** Runs an operation once, its calls of `reconcile` too, until the wire breaks or it is over. */
async function runBroken(
  vendor: ServerVendor,
  subject: ServerSubject,
  run: Break & { readonly operation: Operation; readonly service: Service },
): Promise<{ readonly service: Service; readonly requests: number }> {
  const handlers = handlersOf(vendor.definition);
  const { operation, at, how } = run;
  let { service } = run;
  let requests = 0;
  const context = () => {
    // The signal of the call, as the host aborts it at the deadline: nothing that follows gets through.
    const controller = new AbortController();
    const steady = subject.context({ signal: controller.signal });
    const fetch: typeof globalThis.fetch = async (url, init) => {
      requests += 1;
      if (requests !== at) return await steady.fetch(url, init);
      if (how === 'certificate') throw strange();
      if (how === 'after') await (await steady.fetch(url, init)).body?.cancel();
      controller.abort(new DOMException('The deadline passed', 'AbortError'));
      throw controller.signal.reason;
    };
    return { ...steady, fetch };
  };
  try {
    let result: ServerResult = await handlers[operation](service, context());
    for (;;) {
      const properties = Object.entries({ ...service.properties, ...result.properties });
      service = {
        ...service,
        properties: Object.fromEntries(properties.filter(([, value]) => value !== null)),
      };
      if (result.status !== 'pending') return { service, requests };
      subject.finishWork();
      result = await handlers.reconcile({ operation, service }, context());
    }
  } catch (error) {
    assert.ok(isFailure(error, CODES[how]), `request ${at}: ${String(error)}`);
    return { service, requests };
  }
}
