// Names that WHM takes: user names made of service ids, domains of checkouts, and the fake's own rules.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { accountName } from 'cofferdam/sdk';
import { findProblem, usernameProblem } from '../../vendors/cpanel/rules.ts';

describe('names for WHM', () => {
  it('uses user names that WHM takes, each its own', async () => {
    const names = await Promise.all(
      Array.from({ length: 2_000 }, (_, index) => accountName(`service-${index}`)),
    );
    assert.equal(new Set(names).size, names.length);
    for (const name of names) {
      assert.match(name, /^[a-z]\d[a-z0-9]{6}$/);
      assert.equal(usernameProblem(name), undefined);
    }
    assert.equal(await accountName('service-7'), names[7]);
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
