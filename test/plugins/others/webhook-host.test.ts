// Webhook inside the real sandbox: the host signs with the bytes behind `whsec_`, the guest has neither the
// key nor the address.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { egressTo } from '../../helpers/egress.ts';
import { startTestHost } from '../../helpers/host.ts';
import { SIGNING_SECRET, startReceiver } from '../../vendors/receiver.ts';

describe('webhook in the sandbox', { timeout: 60_000 }, () => {
  it('sends what a receiver of Standard Webhooks verifies', { timeout: 60_000 }, async () => {
    await using receiver = await startReceiver();
    await using host = await startTestHost(
      {},
      {
        shipped: true,
        egress: egressTo(receiver.vendor.port),
      },
    );
    const config = { url: 'https://hooks.example.com/in/tok-en', signingSecret: SIGNING_SECRET };
    const bad = await host.request('PUT', '/extensions/others/webhook/config', {
      ...config,
      signingSecret: `whsec_${'*'.repeat(40)}`,
    });
    assert.equal(bad.body.code, 'CALLER_CONFIG_INVALID');
    assert.match(JSON.stringify(bad.body), /must be base64/);
    await host.enable('others/webhook', config);
    const input = { id: 'evt_1', type: 'invoice.paid', at: '2026-11-25T12:00:00Z', data: { a: 1 } };
    const { status, body } = await host.call('others/webhook', 'on.invoice.paid', input);
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(body.result, { sent: true, status: 200 });
    assert.equal(receiver.vendor.requests[0]?.path, '/in/tok-en');
    assert.equal(receiver.messages[0]?.id, 'evt_1');
    assert.doesNotMatch(JSON.stringify(body), /tok-en|MDEyMzQ1/);
  });
});
