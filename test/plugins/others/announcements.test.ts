// Announcements: what is on show for whom and when, slugs, feeds and receipts.

import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';

import { isFailure } from 'cofferdam/sdk';
import type { FailureCode } from 'cofferdam/sdk';

import { ADMIN, extension, SITE, startBoard } from '../../vendors/announcements.ts';

const options = { timeout: 20_000 };
const NOW = Date.UTC(2026, 10, 25, 12);
const shown = { text: 'Some *text*', state: 'published', publishAt: '2026-11-01T00:00:00Z' };

const failsWith =
  (code: FailureCode, words = /./) =>
  (error: unknown) => {
    assert.ok(isFailure(error, code), String(error));
    assert.match(error.message, words);
    return true;
  };
const titles = ({ data }: any): string[] => data.posts.map(({ title }: any) => title);

describe('announcements', options, () => {
  mock.timers.enable({ apis: ['Date'], now: NOW });

  it('keeps a draft from everybody but admins', options, async () => {
    const board = startBoard();
    const { data } = await board.act('save', { title: 'Secret', text: 'x' });
    assert.deepEqual([data.state, data.slug], ['draft', 'secret']);
    for (const page of ['list', 'widget']) assert.deepEqual(titles(await board.page(page)), []);
    await assert.rejects(
      board.page('post', { slug: 'secret' }, { id: 'u' }),
      failsWith('not_found'),
    );
    assert.equal((await board.page('post', { slug: 'secret' }, ADMIN)).title, 'Secret');
  });

  it('shows an announcement from its time on and not from its end on', options, async () => {
    const board = startBoard();
    const times = { publishAt: '2026-12-01T00:00:00Z', expiresAt: '2026-12-02T00:00:00Z' };
    await board.act('save', { ...shown, title: 'Later', ...times });
    const seen = [];
    for (const at of [
      '11-30T23:59:59.999',
      '12-01T00:00:00',
      '12-01T23:59:59.999',
      '12-02T00:00:00',
    ]) {
      mock.timers.setTime(Date.parse(`2026-${at}Z`));
      seen.push(titles(await board.page('list')).length);
    }
    mock.timers.setTime(NOW);
    assert.deepEqual(seen, [0, 1, 1, 0]);
  });

  it('shows pinned ones first, then the newest, page by page', options, async () => {
    const board = startBoard({ perPage: 2 });
    for (const day of [1, 2, 3]) {
      const publishAt = `2026-11-0${day}T00:00:00Z`;
      await board.act('save', { ...shown, title: `Day ${day}`, publishAt, pinned: day === 1 });
    }
    const first = await board.page('list');
    assert.deepEqual([titles(first), first.data.next], [['Day 1', 'Day 3'], 2]);
    const second = await board.page('list', { skip: 2 });
    assert.deepEqual([titles(second), second.data.next], [['Day 2'], null]);
  });

  for (const [audience, viewers] of [
    [{ kind: 'everyone' }, [true, true, true]],
    [{ kind: 'customers' }, [false, true, true]],
    [{ kind: 'groups', ids: ['vip'] }, [false, false, true]],
    [{ kind: 'products', ids: [7] }, [false, false, true]],
    [{ kind: 'users', ids: ['u1'] }, [false, true, false]],
  ] as const) {
    it(`shows to ${audience.kind} what is meant for them`, options, async () => {
      const board = startBoard();
      await board.act('save', { ...shown, title: 'T', audience: audience as never });
      const seen = [];
      for (const viewer of [{}, { id: 'u1' }, { id: 'u2', groups: ['vip'], products: ['7'] }]) {
        seen.push(titles(await board.page('list', {}, viewer)).length === 1);
        const post = board.page('post', { slug: 't' }, viewer);
        assert.equal(
          await post.then(
            () => true,
            () => false,
          ),
          seen.at(-1),
        );
      }
      assert.deepEqual(seen, viewers);
      const feed = JSON.parse((await board.page('json', {}, { id: 'u1' })).body);
      assert.equal(feed.items.length, audience.kind === 'everyone' ? 1 : 0);
    });
  }

  it('gives a slug to one announcement, also when many ask at once', options, async () => {
    const board = startBoard();
    const title = 'Neue Preise für 2027!';
    const saved = await Promise.all([1, 2, 3].map(() => board.act('save', { ...shown, title })));
    assert.deepEqual(saved.map(({ data }) => data.slug).toSorted(), [
      'neue-preise-fur-2027',
      'neue-preise-fur-2027-2',
      'neue-preise-fur-2027-3',
    ]);
    const taken = board.act('save', { ...shown, title: 'x', slug: 'neue-preise-fur-2027' });
    await assert.rejects(taken, failsWith('conflict', /belongs to another/));
  });

  it('frees a slug that was changed or whose announcement was deleted', options, async () => {
    const board = startBoard();
    const { data } = await board.act('save', { ...shown, title: 'One' });
    await board.act('save', { id: data.id, slug: 'uno' });
    await board.act('save', { ...shown, title: 'Other', slug: 'one' });
    await board.act('delete', { id: data.id });
    await board.act('delete', { id: data.id });
    await board.act('save', { ...shown, title: 'Third', slug: 'uno' });
    assert.deepEqual(titles(await board.page('list')).toSorted(), ['Other', 'Third']);
    const kept = [...board.ctx.stored.keys()].filter((key) => key.startsWith('text:'));
    assert.equal(kept.length, 2);
  });

  it('changes what is sent and keeps the rest; a stale change is refused', options, async () => {
    const board = startBoard();
    const { data } = await board.act('save', { ...shown, title: 'One', pinned: true });
    const next = await board.act('save', { id: data.id, revision: 1, text: 'New' });
    assert.deepEqual([next.data.title, next.data.pinned, next.data.revision], ['One', true, 2]);
    const { data: page } = await board.page('post', { slug: 'one' });
    assert.deepEqual([page.markdown, page.html], ['New', '<p>New</p>']);
    const stale = board.act('save', { id: data.id, revision: 1, text: 'Lost' });
    await assert.rejects(stale, failsWith('conflict', /revision 2/));
  });

  it('makes one announcement when the same call comes twice', options, async () => {
    const board = startBoard();
    const input = { subject: {}, values: { ...shown, title: 'Once' }, actor: ADMIN };
    await extension.actions['save']?.run(input, board.ctx);
    await extension.actions['save']?.run(input, board.ctx);
    assert.deepEqual(titles(await board.page('list')), ['Once']);
  });

  it('takes an announcement off and puts it up again', options, async () => {
    const board = startBoard();
    const { data } = await board.act('save', { ...shown, title: 'One' });
    await board.act('archive', { id: data.id });
    assert.deepEqual(titles(await board.page('list')), []);
    await board.act('save', { id: data.id, state: 'published' });
    assert.deepEqual(titles(await board.page('list')), ['One']);
  });

  it('counts what a customer has not read, and notes the first reading', options, async () => {
    const board = startBoard();
    const ids = [];
    for (const title of ['A', 'B'])
      ids.push((await board.act('save', { ...shown, title })).data.id);
    const unread = async () => (await board.page('widget', {}, { id: 'u1' })).data.unread;
    assert.equal(await unread(), 2);
    await board.act('markRead', { id: ids[0] }, { id: 'u1' });
    mock.timers.setTime(NOW + 60_000);
    await board.act('markRead', { id: ids[0] }, { id: 'u1' });
    mock.timers.setTime(NOW);
    assert.equal(await unread(), 1);
    const { posts } = (await board.page('list', {}, { id: 'u1' })).data;
    const readAt = posts.map((post: any) => post.readAt).filter(Boolean);
    assert.deepEqual(readAt, ['2026-11-25T12:00:00.000Z']);
    const deleted = {
      id: 'e',
      type: 'user.deleted',
      at: '2026-11-25T12:00:00Z',
      data: { user: { id: 'u1' } },
    };
    await extension.on['user.deleted']?.(deleted, board.ctx);
    assert.equal(await unread(), 2);
  });

  it('writes an RSS feed in which no text becomes markup', options, async () => {
    const board = startBoard({ title: 'News & "more"' });
    await board.act('save', { ...shown, title: '<b>]]>&', text: '<script>x</script> **b**' });
    const { body, contentType } = await board.page('rss');
    assert.equal(contentType, 'application/rss+xml');
    assert.equal(
      body,
      [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<rss version="2.0"><channel>',
        '<title>News &amp; &quot;more&quot;</title>',
        `<link>${SITE}</link>`,
        '<description></description>',
        '<language>en</language>',
        '<item><title>&lt;b&gt;]]&gt;&amp;</title>' +
          `<link>${SITE}/announcements/b</link><guid isPermaLink="false">op-1</guid>` +
          '<pubDate>Sun, 01 Nov 2026 00:00:00 GMT</pubDate>' +
          '<description>&lt;p&gt;&amp;lt;script&amp;gt;x&amp;lt;/script&amp;gt; ' +
          '&lt;strong&gt;b&lt;/strong&gt;&lt;/p&gt;</description></item>',
        '</channel></rss>',
      ].join('\n'),
    );
  });

  it('writes a JSON feed with safe HTML', options, async () => {
    const board = startBoard();
    await board.act('save', { ...shown, title: 'One', text: '<img src=x onerror=1>' });
    const { body, contentType } = await board.page('json');
    const feed = JSON.parse(body);
    assert.deepEqual(
      [contentType, feed.version],
      ['application/feed+json', 'https://jsonfeed.org/version/1.1'],
    );
    assert.deepEqual(feed.items, [
      {
        id: 'op-1',
        url: `${SITE}/announcements/one`,
        title: 'One',
        summary: '<img src=x onerror=1',
        content_html: '<p>&lt;img src=x onerror=1&gt;</p>',
        date_published: '2026-11-01T00:00:00.000Z',
        date_modified: '2026-11-25T12:00:00.000Z',
      },
    ]);
  });

  for (const [field, value] of [
    ['title', 'x'.repeat(201)],
    ['text', 'x'.repeat(30_001)],
    ['state', 'live'],
    ['publishAt', 'tomorrow'],
    ['expiresAt', '2026-10-31T00:00:00Z'],
    ['pinned', 'yes'],
    ['audience', { kind: 'groups', ids: [] }],
    ['slug', 'Not A Slug'],
  ] as const) {
    it(`refuses a bad ${field} by its name and keeps nothing`, options, async () => {
      const board = startBoard();
      const saving = board.act('save', { ...shown, title: 'T', [field]: value as never });
      await assert.rejects(saving, failsWith('invalid_input', new RegExp(`"${field}"`)));
      assert.equal(board.ctx.stored.size, 0);
    });
  }

  it('lets nobody but an admin write', options, async () => {
    const board = startBoard();
    for (const name of ['save', 'archive', 'delete'])
      await assert.rejects(board.act(name, { id: 'x' }, { id: 'u' }), failsWith('forbidden'));
    await assert.rejects(board.page('all', {}, { id: 'u' }), failsWith('forbidden'));
  });
});
