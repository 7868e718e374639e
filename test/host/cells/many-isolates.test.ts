import assert from 'node:assert/strict';
import { it } from 'node:test';

import { other, startTestHost } from '../../helpers/host.ts';

const INSTANCES = 80;

it('holds many isolates in one process: what V8 reserves for each fits the limits of a cell', async () => {
  await using host = await startTestHost({
    'others/many': { 'extension.ts': other("return 'fine';") },
  });
  for (let at = 0; at < INSTANCES; at += 1) {
    const path = `/extensions/others/many/instances`;
    await host.request('POST', path, { instance: `i${at}` });
    const { status, body } = await host.request('POST', `${path}/i${at}/enable`);
    assert.equal(status, 200, JSON.stringify(body));
    const reply = await host.request('POST', `${path}/i${at}/calls/execute`, {});
    assert.equal(reply.body.result, 'fine', JSON.stringify(reply.body));
  }
});
