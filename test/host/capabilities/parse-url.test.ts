// Addresses of strangers: the same as the URL parser reads them, but for hosts that no name is as long as.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { parseUrl } from '../../../host/capabilities/parse-url.ts';
import { LIMITS } from '../../../host/limits.ts';

const BASE = new URL('https://base.example/folder/file');
const host = (chars: number): string => 'a.'.repeat(chars / 2);

describe('an address', () => {
  it('is read as the URL parser reads it', () => {
    const odd = fc.string({
      unit: fc.constantFrom(...'ht:/\\?#@.a \t\n\u0001ü%'.split('')),
      maxLength: 40,
    });
    fc.assert(
      fc.property(fc.oneof(fc.webUrl(), odd), (text) => {
        assert.equal(parseUrl(text)?.href, URL.parse(text)?.href);
        assert.equal(parseUrl(text, BASE)?.href, URL.parse(text, BASE)?.href);
      }),
    );
  });

  it('may have a host up to the bound, and a path of any length', () => {
    const { authorityChars } = LIMITS;
    assert.equal(parseUrl(`https://${host(authorityChars)}/`)?.hostname, host(authorityChars));
    assert.equal(parseUrl(`https://${host(authorityChars)}a/`), null);
    const path = `/${'a'.repeat(authorityChars * 2)}`;
    assert.equal(parseUrl(`https://a.example${path}`)?.pathname, path);
    assert.equal(parseUrl(path, BASE)?.pathname, path);
    assert.equal(parseUrl(path.slice(1), BASE)?.pathname, `/folder${path}`);
  });

  it('is none with a longer host, however that is disguised', () => {
    const long = host(LIMITS.authorityChars + 2);
    const texts = [
      ...[`https://${long}`, `https:${long}`, `http:\\\\${long}`, ` https:///${long}/path`],
      ...[`ht\ttps:/\n/${long}`, `https://user:pass@${long}`, `https://a.example@${long}?x`],
      ...[`//${long}`, `\\/${long}`, `\u0001 /\t/${long}#x`, `///${long}`],
    ];
    // After a base of its own scheme, a host without slashes would be a path.
    const base = new URL('ftp://base.example/');
    for (const text of texts) {
      const shown = text.slice(0, 30);
      assert.ok((URL.parse(text, base)?.hostname.length ?? 0) > LIMITS.authorityChars, shown);
      assert.equal(parseUrl(text, base), null, shown);
    }
  });
});
