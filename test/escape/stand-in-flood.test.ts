// Attack: fill a body with the stand-in of a long secret, half a million times.
// Would work: each is 29 characters long and leaves as a key of 3 000, so that 16 MiB become 1.7 GB in the host.
// Stopped by: a bound for the stand-ins of one request.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { expandHosts } from '../../host/capabilities/hosts.ts';
import { SecretBook } from '../../host/capabilities/secrets.ts';
import { LIMITS } from '../../host/limits.ts';

const KEY = 'k'.repeat(3_000);

it('puts a secret in as often as a vendor asks for it, and no more', { timeout: 20_000 }, () => {
  const hosts = expandHosts(['api.example.com'], {});
  const book = new SecretBook([{ field: 'key', value: KEY, hosts, places: ['json'] }]);
  const standIn = book.sealed['key'] ?? '';
  const lengthOf = (count: number): number => {
    const { body } = book.substitute({
      url: new URL('https://api.example.com/'),
      headers: [['content-type', 'application/json']],
      body: `["${standIn.repeat(count)}"]`,
    });
    return body?.length ?? 0;
  };
  assert.equal(lengthOf(LIMITS.standInsPerRequest), KEY.length * LIMITS.standInsPerRequest + 4);
  for (const count of [LIMITS.standInsPerRequest + 1, 500_000]) {
    assert.throws(() => lengthOf(count), { code: 'EGRESS_LIMIT' });
  }
});
