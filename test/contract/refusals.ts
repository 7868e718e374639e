// What a server extension promises of a panel that says no: a code that says who must act, what to do about
// it, and nothing made, or left behind, by the order that was refused.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { isFailure } from 'cofferdam/sdk';

import { handlersOf } from '../helpers/context.ts';
import { failureOf } from './subject.ts';
import type { ServerSubject, ServerVendor } from './subject.ts';

const STATUSES = [400, 401, 402, 403, 404, 405, 409, 410, 422, 423, 429, 500, 502, 503, 504];

/** Registers the claims; call it inside nothing, once per vendor. */
export function claimRefusals(vendor: ServerVendor): void {
  describe(`${vendor.name}: a panel that says no`, { timeout: 60_000 }, () => {
    const handlers = handlersOf(vendor.definition);
    const { patterns } = vendor;
    let subject: ServerSubject;
    beforeEach(async () => {
      subject = await vendor.start();
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    it('says of every status what to do', async () => {
      for (const status of STATUSES) {
        for (const json of [{ message: 'No' }, undefined]) {
          subject.vendor.answerNext(patterns.probe, { status, json });
          const said = await handlers.testConnection(subject.context()).catch((error: unknown) => {
            assert.ok(isFailure(error), `${status}: ${String(error)}`);
            return { ok: false, ...error.failure };
          });
          assert.equal(said.ok, false, `${status}`);
          assert.ok((said.remedy ?? '').length > 20, `${status}: ${said.remedy}`);
        }
      }
    });

    for (const { code, reply } of vendor.refusals) {
      it(`names what is ${code} and what to do, and makes nothing`, async () => {
        subject.vendor.answerNext(patterns.create, reply);
        const failure = await failureOf(
          handlers.create(subject.service(), subject.context()),
          code,
        );
        assert.ok((failure.remedy ?? '').length > 20, failure.message);
        assert.equal(failure.retriable, code === 'locked');
        assert.equal(subject.objects().length, 0);
      });
    }
  });
}
