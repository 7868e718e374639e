// What server extensions share: passwords, the domain of an order, the fingerprint of a certificate.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  createPassword,
  fingerprint,
  isFailure,
  parseDomain,
  randomText,
  readDomain,
} from 'cofferdam/sdk';

describe('passwords', () => {
  it('have every kind of character and the length that is asked for, none like another', () => {
    const all = Array.from({ length: 500 }, () => createPassword({ chars: 14, symbols: '!*' }));
    assert.equal(new Set(all).size, all.length);
    for (const password of all) {
      assert.match(password, /^[A-Za-z2-9!*]{14}$/);
      for (const kind of [/[a-z]/, /[A-Z]/, /\d/, /[!*]/]) assert.match(password, kind);
    }
  });

  it('are 20 letters and digits when nothing else is asked for', () => {
    for (let count = 0; count < 100; count += 1) {
      const password = createPassword();
      assert.match(password, /^[A-HJ-NP-Za-kmnp-z2-9]{20}$/);
    }
  });

  it('put the kinds in any order', () => {
    const firsts = new Set(
      Array.from({ length: 500 }, () => createPassword({ symbols: '!' })[0] ?? '').map((first) =>
        /[a-z]/.test(first)
          ? 'lower'
          : /[A-Z]/.test(first)
            ? 'upper'
            : /\d/.test(first)
              ? 'digit'
              : 'symbol',
      ),
    );
    assert.equal(firsts.size, 4);
  });

  it('take each character of an alphabet about equally often', () => {
    const counts = new Map<string, number>();
    for (const each of randomText(20_000, 'abcde')) counts.set(each, (counts.get(each) ?? 0) + 1);
    assert.equal(counts.size, 5);
    // Seven standard deviations: fails by chance once in 10^11 runs.
    for (const count of counts.values()) assert.ok(Math.abs(count - 4_000) < 400, String(count));
  });
});

describe('the domain of an order', () => {
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

  it('is refused by its name, with what is wrong', () => {
    assert.throws(
      () => parseDomain({ domain: 'www.example.com' }),
      (error) => isFailure(error, 'invalid_input') && /"domain" .*"www\."/.test(error.message),
    );
    assert.equal(parseDomain({ domain: 'Example.com', plan: 'gold' }), 'example.com');
  });
});

describe('the fingerprint of a certificate', () => {
  it('is 32 pairs of hex digits with or without colons, or absent', () => {
    const field = fingerprint();
    const pairs = Array.from({ length: 32 }, () => 'aB');
    for (const good of [pairs.join(''), pairs.join(':'), undefined]) {
      assert.equal(field.safeParse(good).success, true, String(good));
    }
    for (const bad of ['', 'aB', [...pairs, 'aB'].join(':'), pairs.join('').replace('a', 'g')]) {
      assert.equal(field.safeParse(bad).success, false, bad);
    }
  });
});
