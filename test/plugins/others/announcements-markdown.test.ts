// Announcements: Markdown becomes the tags of a short list and text, whatever somebody writes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import {
  plainText,
  renderMarkdown,
  safeAddress,
} from '../../../plugins/others/announcements/markdown.ts';

const options = { timeout: 20_000 };

/** Everything that may stand between `<` and `>` in the output. */
const TAG =
  /^\/?(?:h[234]|p|ul|ol|li|blockquote|pre|code|hr|br|strong|em|del|a)$|^a href="(?:https?:\/\/|mailto:)[^"<>]*" rel="noopener nofollow ugc"$/;

/** @throws {AssertionError} On any tag, attribute or address that is not on the list */
function assertSafe(html: string): void {
  const rest = html.replaceAll(/<([^<>]*)>/g, (_all, tag: string) => {
    assert.match(tag, TAG);
    return '';
  });
  assert.doesNotMatch(rest, /[<>"]/);
  assert.doesNotMatch(rest, /&(?!(?:amp|lt|gt|quot|#39);)/);
}

describe('announcements: Markdown', options, () => {
  for (const [text, html] of [
    ['Hello *you* and **all**', '<p>Hello <em>you</em> and <strong>all</strong></p>'],
    ['# Title', '<h2>Title</h2>'],
    ['###### Deep #', '<h4>Deep</h4>'],
    ['a\nb\n\nc', '<p>a\nb</p>\n<p>c</p>'],
    [
      '- a\n- **b**\n  - c',
      '<ul><li>a</li><li><p><strong>b</strong></p>\n<ul><li>c</li></ul></li></ul>',
    ],
    ['1. a\n2. b', '<ol><li>a</li><li>b</li></ol>'],
    ['> a\n> > b', '<blockquote><p>a</p>\n<blockquote><p>b</p></blockquote></blockquote>'],
    ['```js\na < b\n**c**\n```\nd', '<pre><code>a &lt; b\n**c**</code></pre>\n<p>d</p>'],
    ['`a<b` ~~old~~ \\*not\\*', '<p><code>a&lt;b</code> <del>old</del> *not*</p>'],
    ['a\n\n---\n\nb', '<p>a</p>\n<hr>\n<p>b</p>'],
    [
      '[the site](https://example.com/?a=1&b=2)',
      '<p><a href="https://example.com/?a=1&amp;b=2" rel="noopener nofollow ugc">the site</a></p>',
    ],
    [
      '<https://example.com>',
      '<p><a href="https://example.com/" rel="noopener nofollow ugc">https://example.com</a></p>',
    ],
    ['1 * 2 * 3 and snake_case_name', '<p>1 <em> 2 </em> 3 and snake_case_name</p>'],
  ] as const) {
    it(`renders ${JSON.stringify(text)}`, options, () => {
      assert.equal(renderMarkdown(text), html);
    });
  }

  for (const attack of [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<svg/onload=alert(1)>',
    '<a href="javascript:alert(1)">x</a>',
    '[x](javascript:alert(1))',
    '[x](JaVaScRiPt:alert%281%29)',
    '[x](java\tscript:alert(1))',
    '[x](\u0001javascript:alert(1))',
    '[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)',
    '[x](vbscript:msgbox)',
    '[x](//evil.example)',
    '[x](https://a.example/"onmouseover="alert(1))',
    "[x](https://a.example/'><script>alert(1)</script>)",
    '[x](https://user:pass@evil.example/)',
    '[<img src=x onerror=alert(1)>](https://a.example)',
    '<javascript:alert(1)>',
    '<https://a.example/"onclick="alert(1)>',
    '`<script>`',
    '```\n</code></pre><script>alert(1)</script>\n```',
    '# <script>alert(1)</script>',
    '> <iframe src="https://evil.example">',
    '- <style>*{}</style>',
    '**<b onclick=alert(1)>**',
    '\\<script>',
    '&lt;script&gt;&#x3c;script&#x3e;',
    '<!--<img src="--><img src=x onerror=alert(1)>',
    '<scr<script>ipt>alert(1)</script>',
    '[a](https://x.example/`onmouseover=alert(1)`)',
    '![x](javascript:alert(1))',
    '[x][1]\n\n[1]: javascript:alert(1)',
    '\u0000<\u0000script>',
  ]) {
    it(`disarms ${JSON.stringify(attack)}`, options, () => {
      const html = renderMarkdown(attack);
      assertSafe(html);
      assert.doesNotMatch(html, /href="(?!https?:|mailto:)/);
    });
  }

  it('writes nothing but its own tags for any input', options, () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('<', '>', '"', "'", '&', '`', '```\n', '[', '](', ')', '**', '*', '~~', '\\'),
      fc.constantFrom(
        '\n',
        '> ',
        '- ',
        '  ',
        '1. ',
        '# ',
        'javascript:',
        'https://a.b/',
        '<https://',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        assertSafe(renderMarkdown(pieces.join('')));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes a moment for the worst of inputs', options, () => {
    for (const unit of [
      '[',
      '*',
      '**a',
      '`',
      '[a](',
      '> ',
      '- ',
      '<https://',
      '\\',
      '~~a',
      '  - a\n',
    ])
      for (const text of [unit.repeat(30_000 / unit.length), `${unit}\n`.repeat(6_000)]) {
        const startMs = performance.now();
        renderMarkdown(text.slice(0, 30_000));
        assert.ok(performance.now() - startMs < 1_500, JSON.stringify(unit));
      }
  });

  it('knows which addresses a link may have', options, () => {
    const addresses = [
      'https://a.b',
      'mailto:a@b.c',
      'http://a',
      '/x',
      'ftp://a',
      'javascript:1',
      '',
    ];
    assert.deepEqual(addresses.map(safeAddress), [
      'https://a.b/',
      'mailto:a@b.c',
      'http://a/',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('makes a summary of words alone, cut to its length', options, () => {
    assert.equal(plainText('# Hi *you*\n[site](https://a.b)\n```\ncode\n```', 100), 'Hi you site');
    assert.equal(plainText('x'.repeat(300), 280).length, 280);
  });
});
