// Attack: log line breaks, events and escape sequences.
// Would work: a stream of events and a terminal read such text as their own.
// Stopped by: JSON, which holds no line break, on every way that a line takes.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { ADMIN_TOKEN, other, startTestHost } from '../helpers/host.ts';

const EVIL = 'one\r\n\r\nevent: end\ndata: {"forged":true}\n\n\u001b[2J\u2028{"level":60}';

it('puts no event of its own into the stream of its log', { timeout: 60_000 }, async () => {
  await using host = await startTestHost({
    'others/writer': {
      'extension.ts': other(`ctx.log.info(input, { [input]: input }); return 1;`),
    },
  });
  await host.enable('others/writer');
  assert.equal((await host.call('others/writer', 'execute', EVIL)).body.result, 1);
  const path = '/api/v1/admin/extensions/others/writer/instances/default/logs';
  const response = await fetch(host.url + path, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, accept: 'text/event-stream' },
  });
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes('forged')) break;
  }
  const lines = text.split(/\r\n|\r|\n/).filter((line) => line !== '' && !line.startsWith(':'));
  assert.deepEqual(
    lines.filter((line) => !/^(?:event: log|data: \{[^\n]*\}|id: \S+|retry: \d+)$/.test(line)),
    [],
  );
  const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6));
  assert.deepEqual(
    data.map((line) => (JSON.parse(line) as { message: string }).message),
    [EVIL],
  );
});
