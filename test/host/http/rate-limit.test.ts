import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { WindowCount } from '../../../host/window-count.ts';
import { LIMITS } from '../../../host/limits.ts';
import { startTestHost } from '../../helpers/host.ts';
import type { Answer, TestHost } from '../../helpers/host.ts';

describe('a token with a bound', { timeout: 60_000 }, () => {
  let host: TestHost;
  before(async () => {
    host = await startTestHost();
  });
  after(() => host[Symbol.asyncDispose]());
  const make = async (requestsPerMinute: number): Promise<{ id: string; secret: string }> => {
    const wish = { name: 'bounded', role: 'viewer', requestsPerMinute };
    const { status, body } = await host.request('POST', '/tokens', wish);
    assert.deepEqual([status, body.requestsPerMinute], [201, requestsPerMinute]);
    return body;
  };
  const list = (secret: string): Promise<Answer> =>
    host.request('GET', '/extensions', undefined, { authorization: `Bearer ${secret}` });

  it('is let through up to it, then told when to come again, whatever others do', async () => {
    const [first, second] = [await make(3), await make(3)];
    for (let at = 0; at < 3; at += 1) assert.equal((await list(first.secret)).status, 200);
    const { status, body, headers } = await list(first.secret);
    assert.deepEqual([status, body.code], [429, 'CALLER_RATE_LIMITED']);
    assert.match(body.detail, /over 3 requests within a minute/);
    assert.match(body.remedy, /retry-after/);
    assert.deepEqual(body.details, { limit: 3 });
    const seconds = Number(headers.get('retry-after'));
    assert.ok(seconds >= 1 && seconds <= LIMITS.countWindowMs / 1_000, String(seconds));
    assert.equal((await list(second.secret)).status, 200);
  });

  it('is counted in /metrics at every request over it, and audited once', async () => {
    const { id, secret } = await make(1);
    const counted = async (): Promise<number> => {
      const { headers } = { headers: { authorization: 'Bearer test-admin-token-0001' } };
      const text = await (await fetch(`${host.url}/metrics`, { headers })).text();
      return Number(/^cofferdam_rate_limited_total\{by="token"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    const was = await counted();
    for (let at = 0; at < 4; at += 1) await list(secret);
    assert.equal((await counted()) - was, 3);
    const { body } = await host.request('GET', `/audit?actor=${id}`);
    assert.deepEqual(
      body.entries.map(({ action, outcome }: any) => [action, outcome]),
      [['GET /api/v1/admin/extensions', 'rate-limited']],
    );
  });

  it('cannot have a bound over that of the host', async () => {
    const wish = { name: 'x', role: 'viewer', requestsPerMinute: LIMITS.requestsPerMinute + 1 };
    const { status, body } = await host.request('POST', '/tokens', wish);
    assert.deepEqual([status, body.details.field], [400, 'requestsPerMinute']);
    assert.match(body.remedy, new RegExp(`at most ${LIMITS.requestsPerMinute}`));
  });
});

describe('counting by key', () => {
  it('begins anew when the window of a key has ended', () => {
    let now = 0;
    const counts = new WindowCount(() => now);
    assert.deepEqual({ ...counts.add('a') }, { count: 1, endMs: LIMITS.countWindowMs });
    now = LIMITS.countWindowMs - 1;
    assert.equal(counts.add('a').count, 2);
    assert.equal(counts.add('b').count, 1);
    now += 1;
    assert.deepEqual({ ...counts.add('a') }, { count: 1, endMs: 2 * LIMITS.countWindowMs });
  });

  it('holds a bounded number of keys, and forgets all of them over it', () => {
    const counts = new WindowCount(() => 0);
    for (let at = 0; at < LIMITS.countedKeys; at += 1) counts.add(String(at));
    assert.equal(counts.add('0').count, 2);
    counts.add('one more');
    assert.equal(counts.add('0').count, 1);
  });
});
