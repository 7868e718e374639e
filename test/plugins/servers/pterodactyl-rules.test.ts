import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { checkValue } from '../../../plugins/servers/pterodactyl/variables.ts';

describe('rules of egg variables', () => {
  const CASES: readonly (readonly [
    rules: string,
    good: readonly string[],
    bad: readonly string[],
  ])[] = [
    ['required|string|max:5', ['abc', 'abcde'], ['', 'abcdef']],
    ['nullable|string|max:5', ['', 'a'], ['abcdef']],
    // The panel takes an empty value for null, which a plain "string" refuses.
    ['string|max:5', ['a'], ['']],
    ['required|integer|between:1,100', ['1', '100'], ['0', '101', '1.5', 'x']],
    ['required|int|min:3', ['3'], ['2']],
    ['required|numeric', ['1.5', '-2'], ['1,5']],
    ['required|boolean', ['0', '1'], ['true', '2']],
    ['required|bool', ['1'], ['yes']],
    ['required|in:a,b c', ['a', 'b c'], ['c']],
    ['required|regex:/^[a-z:]+$/i', ['a:B'], ['1']],
    ['required|alpha_dash', ['a-b_1'], ['a b']],
    ['required|alpha_num', ['a1'], ['a-1']],
    // What JavaScript cannot read, and what it does not know, is the panel's to judge.
    ['required|regex:/^(?>a)$/', ['zzz'], []],
    ['required|uuid', ['zzz'], []],
  ];
  for (const [rules, good, bad] of CASES) {
    it(`"${rules}" takes what the panel takes`, () => {
      for (const value of good) assert.equal(checkValue(rules, value), undefined, value);
      for (const value of bad) assert.equal(typeof checkValue(rules, value), 'string', value);
    });
  }
});
