// Names that WHM takes: user names made of service ids, domains of checkouts, and the fake's own rules.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { usernameOf } from '../../../plugins/servers/cpanel/accounts.ts';
import { readDomain } from '../../../plugins/servers/cpanel/config.ts';
import { findProblem, usernameProblem } from '../../vendors/cpanel/rules.ts';

describe('names for WHM', () => {
  it('uses user names that WHM takes, each its own', async () => {
    const names = await Promise.all(
      Array.from({ length: 2_000 }, (_, index) => usernameOf(`service-${index}`)),
    );
    assert.equal(new Set(names).size, names.length);
    for (const name of names) {
      assert.match(name, /^[a-z]\d[a-z0-9]{6}$/);
      assert.equal(usernameProblem(name), undefined);
    }
    assert.equal(await usernameOf('service-7'), names[7]);
  });

  it('reads domains as people write them, and nothing else', () => {
    const read = (domain: unknown) => readDomain({ domain: domain as string });
    assert.deepEqual(read(' Example.COM '), { domain: 'example.com' });
    assert.deepEqual(read('bücher.example'), { domain: 'xn--bcher-kva.example' });
    assert.deepEqual(read('example.com.'), { domain: 'example.com' });
    const wrong = [
      '',
      null,
      7,
      'example',
      'www.example.com',
      'http://example.com',
      'example.com/x',
      'a b.com',
      '10.0.0.1',
      '-a.com',
      'example.com:80',
      'user@example.com',
      `${'a'.repeat(64)}.com`,
    ];
    for (const domain of wrong) assert.ok('problem' in read(domain), String(domain));
  });
});

describe('rules of the WHM fake', () => {
  it('refuses what WHM does not know, and a parameter that is missing', () => {
    const problem = (name: string, text: string) => findProblem(name, new URLSearchParams(text));
    assert.match(problem('modifyplan', '') ?? '', /Unknown app/);
    assert.match(problem('createacct', 'username=a') ?? '', /“domain”/);
    assert.match(problem('suspendacct', 'user=a&why=b') ?? '', /“why”/);
    assert.equal(problem('suspendacct', 'user=a&reason=b&api.version=1'), undefined);
  });
});
