// What server extensions share: passwords, names, the domain of an order, words and fingerprints of panels.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  accountName,
  createPassword,
  fingerprint,
  isFailure,
  parseDomain,
  plainWords,
  randomText,
  readDomain,
  shuffle,
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

describe('an order of chance', () => {
  it('keeps every item, and is not the order that was given', () => {
    const items = Array.from({ length: 20_000 }, (_none, at) => at);
    const shuffled = shuffle(items);
    assert.notDeepEqual(shuffled, items);
    assert.deepEqual(
      shuffled.toSorted((a, b) => a - b),
      items,
    );
    assert.deepEqual(shuffle([]), []);
  });
});

describe('the name of an account', () => {
  it('is the same at every time, and one that every panel takes', async () => {
    assert.equal(await accountName('s-1'), await accountName('s-1'));
    const names = await Promise.all(
      Array.from({ length: 300 }, (_none, at) => accountName(`${at}`)),
    );
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.match(name, /^[a-z]\d[a-z0-9]{6}$/);
  });
});

describe('the words of a panel', () => {
  it('lose their markup and what is too long', () => {
    const html = '<p>The  user\n<b>exists</b></p><script>alert("x")</script> <a href="';
    assert.equal(plainWords(html), 'The user exists');
    assert.equal(plainWords('x'.repeat(400)).length, 300);
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
