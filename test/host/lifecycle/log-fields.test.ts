// What an extension logs arrives, whatever its fields hold; a secret in them does not.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { ADMIN_TOKEN, manifestFor, startTestHost } from '../../helpers/host.ts';

const PIN = '123456';
const EXTENSION = `import { defineOther, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ pin: secret({ label: 'PIN' }) }),
  async execute(_input, { log }) {
    log.info('a number', { order: 9123456, note: 'kept' });
    log.info('a text', { note: 'pin ${PIN}' });
    log.info('too much', { note: 'x'.repeat(40_000) });
    log.info('the end');
    return 'done';
  },
} as any);
`;

it('log fields that look like a secret do not end the process', { timeout: 60_000 }, async () => {
  await using host = await startTestHost({
    'others/logs': {
      'extension.ts': EXTENSION,
      'manifest.json': JSON.stringify(manifestFor('others/logs')),
    },
  });
  await host.enable('others/logs', { pin: PIN });
  const { body } = await host.call('others/logs', 'execute');
  assert.equal(body.result, 'done', JSON.stringify(body));
  const path = '/api/v1/admin/extensions/others/logs/instances/default/logs';
  const end = new AbortController();
  const response = await fetch(`${host.url}${path}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    signal: end.signal,
  });
  let text = '';
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  while (!text.includes('the end')) text += (await reader?.read())?.value ?? '';
  end.abort();
  const lines = [...text.matchAll(/^data: (.*)$/gm)].map(([, line = '']) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ message, fields }) => [message, fields]),
    [
      ['a number', { scrubbed: '{"order":9[secret:pin],"note":"kept"}' }],
      ['a text', { note: 'pin [secret:pin]' }],
      ['A log line was left out: it is over 32000 bytes', undefined],
      ['the end', undefined],
    ],
  );
});
