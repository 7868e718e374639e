import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { validate } from './laravel.ts';

const rulesOf = (data: unknown, rules: Record<string, string>, lookup = {}) =>
  validate(data, rules, lookup).map(({ field, rule }) => `${field} ${rule}`);

describe('laravel rules', () => {
  it('ask for what is required, and take an empty text for nothing', () => {
    const rules = { a: 'required|string', b: 'nullable|string', c: 'sometimes|string' };
    assert.deepEqual(rulesOf({ a: ' ', b: '' }, rules), ['a required']);
    assert.deepEqual(rulesOf({ a: 'x', b: null }, rules), []);
    assert.deepEqual(rulesOf({ a: 'x', c: '' }, rules), ['c string']);
    assert.deepEqual(rulesOf({}, { a: 'present|nullable' }), ['a present']);
  });

  it('measure texts by length, numbers by value and lists by count', () => {
    assert.deepEqual(rulesOf({ a: 'abc' }, { a: 'string|max:2' }), ['a max']);
    assert.deepEqual(rulesOf({ a: '3' }, { a: 'integer|max:2' }), ['a max']);
    assert.deepEqual(rulesOf({ a: [1, 2, 3] }, { a: 'array|max:2' }), ['a max']);
    assert.deepEqual(rulesOf({ a: 5 }, { a: 'numeric|between:1,5' }), []);
  });

  it('look into objects and at every item of a list', () => {
    const rules = { 'a.b': 'required', 'c.*': 'integer' };
    assert.deepEqual(rulesOf({ a: {}, c: [1, 'x'] }, rules), ['a.b required', 'c.1 integer']);
    assert.deepEqual(rulesOf({ a: { b: 1 } }, rules), []);
  });

  it('depend on other fields', () => {
    const rules = { a: 'required_with:b', c: 'required_if:d,1', e: 'required_without:b' };
    assert.deepEqual(rulesOf({ b: 1, d: true }, rules), ['a required_with', 'c required_if']);
    assert.deepEqual(rulesOf({ d: false }, rules), ['e required_without']);
  });

  it('ask the panel’s tables', () => {
    const lookup = { 'exists:users,id': (id: unknown) => id === 1 };
    assert.deepEqual(rulesOf({ a: 2 }, { a: 'exists:users,id' }, lookup), ['a exists']);
    assert.deepEqual(rulesOf({ a: 1 }, { a: 'exists:users,id' }, lookup), []);
  });
});
