// RSS 2.0 and JSON Feed 1.1 of what everyone may read. Pure.
// @see https://www.rssboard.org/rss-specification, https://www.jsonfeed.org/version/1.1/

import { escapeMarkup, renderMarkdown } from './markdown.ts';
import type { Post } from './posts.ts';

/** One announcement with its text. */
export type FeedItem = { readonly post: Post; readonly text: string };

/** What a feed says of itself. `siteUrl` has no slash at its end. */
export type FeedHead = {
  readonly title: string;
  readonly description: string;
  readonly siteUrl: string;
  readonly language: string;
};

/** The RSS document. */
export function writeRss(head: FeedHead, items: readonly FeedItem[]): string {
  const tag = (name: string, text: string): string => `<${name}>${escapeMarkup(text)}</${name}>`;
  const entries = items.map(({ post, text }) =>
    [
      '<item>',
      tag('title', post.title),
      tag('link', linkOf(head, post)),
      `<guid isPermaLink="false">${escapeMarkup(post.id)}</guid>`,
      tag('pubDate', new Date(post.publishAt).toUTCString()),
      // HTML inside XML is escaped once more: a reader unescapes it to HTML of our own tags.
      tag('description', renderMarkdown(text)),
      '</item>',
    ].join(''),
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<rss version="2.0"><channel>',
    tag('title', head.title),
    tag('link', head.siteUrl),
    tag('description', head.description),
    tag('language', head.language),
    ...entries,
    '</channel></rss>',
  ].join('\n');
}

/** The JSON Feed document. */
export function writeJsonFeed(head: FeedHead, items: readonly FeedItem[]): string {
  return JSON.stringify({
    version: 'https://jsonfeed.org/version/1.1',
    title: head.title,
    description: head.description,
    home_page_url: head.siteUrl,
    language: head.language,
    items: items.map(({ post, text }) => ({
      id: post.id,
      url: linkOf(head, post),
      title: post.title,
      summary: post.summary,
      content_html: renderMarkdown(text),
      date_published: post.publishAt,
      date_modified: post.updatedAt,
    })),
  });
}

/** Where an announcement is read. */
export function linkOf({ siteUrl }: Pick<FeedHead, 'siteUrl'>, { slug }: Post): string {
  return `${siteUrl}/announcements/${slug}`;
}
