// The pages: what a viewer may read as data, and the feeds, which have no viewer.

import { fail, textOf } from 'cofferdam/sdk';
import type { JsonObject, Page } from 'cofferdam/sdk';

import type { Ctx } from './config.ts';
import { linkOf, writeJsonFeed, writeRss } from './feeds.ts';
import type { FeedItem } from './feeds.ts';
import { renderMarkdown } from './markdown.ts';
import { findBySlug, listPosts, readText } from './posts.ts';
import type { Post } from './posts.ts';
import { demandAdmin, isVisible, readReceipts, readViewer } from './viewers.ts';

type Request = { readonly params: JsonObject; readonly viewer?: JsonObject };

/** The pages by name. */
export const pages = {
  /** What the viewer may read, pinned and newest first. */
  async list({ params, viewer }: Request, ctx: Ctx): Promise<Page> {
    const skip = Math.min(1_000, Math.max(0, Math.trunc(Number(params['skip'] ?? 0)) || 0));
    const all = await visibleTo(viewer, ctx);
    const read = await receiptsOf(viewer, ctx);
    const end = skip + ctx.config.perPage;
    const posts = all.slice(skip, end).map((post) => show(post, ctx, read));
    return { title: ctx.config.title, data: { posts, next: end < all.length ? end : null } };
  },

  /** One announcement by its slug; an admin sees drafts as well. */
  async post({ params, viewer }: Request, ctx: Ctx): Promise<Page> {
    const post = await findBySlug(ctx.storage, textOf(params['slug']) ?? '');
    const who = readViewer(viewer);
    if (post === undefined || !(who.isAdmin || isVisible(post, who, Date.now()))) {
      // The same answer for one that is hidden: nobody learns that it exists.
      throw fail('not_found', 'There is no such announcement', { remedy: 'Go back to the list' });
    }
    const text = await readText(ctx.storage, post);
    const read = await receiptsOf(viewer, ctx);
    const data = { ...show(post, ctx, read), markdown: text, html: renderMarkdown(text) };
    return { title: post.title, data };
  },

  /** The newest for a corner of another page, and how many are unread. */
  async widget({ viewer }: Request, ctx: Ctx): Promise<Page> {
    const all = await visibleTo(viewer, ctx);
    const read = await receiptsOf(viewer, ctx);
    const posts = all.slice(0, ctx.config.inWidget).map((post) => show(post, ctx, read));
    const unread = read === undefined ? 0 : all.filter(({ id }) => !read.has(id)).length;
    return { title: ctx.config.title, data: { posts, unread } };
  },

  async rss(_request: Request, ctx: Ctx): Promise<Page> {
    const body = writeRss(ctx.config, await feedItems(ctx));
    return { title: ctx.config.title, data: null, contentType: 'application/rss+xml', body };
  },

  async json(_request: Request, ctx: Ctx): Promise<Page> {
    const body = writeJsonFeed(ctx.config, await feedItems(ctx));
    return { title: ctx.config.title, data: null, contentType: 'application/feed+json', body };
  },

  /** Everything, drafts too, for an admin. */
  async all({ viewer }: Request, { storage }: Ctx): Promise<Page> {
    demandAdmin(viewer);
    const posts = (await listPosts(storage)).map((post) => ({ ...post }));
    return { title: 'All announcements', data: { posts } };
  },
} as const;

async function visibleTo(viewer: JsonObject | undefined, { storage }: Ctx): Promise<Post[]> {
  const who = readViewer(viewer);
  return (await listPosts(storage)).filter((post) => isVisible(post, who, Date.now()));
}

/** undefined for a guest: nobody knows what a guest has read. */
async function receiptsOf(viewer: JsonObject | undefined, { storage }: Ctx) {
  const { id } = readViewer(viewer);
  return id === null ? undefined : await readReceipts(storage, id);
}

function show(post: Post, { config }: Ctx, read: Map<string, string> | undefined): JsonObject {
  const { id, slug, title, summary, publishAt, updatedAt, pinned } = post;
  const known = { id, slug, title, summary, publishAt, updatedAt, pinned };
  const readAt = read === undefined ? {} : { readAt: read.get(id) ?? null };
  return { ...known, link: linkOf(config, post), ...readAt };
}

/** A feed has no viewer: what everyone may read, newest first. */
async function feedItems(ctx: Ctx): Promise<FeedItem[]> {
  const posts = (await visibleTo(undefined, ctx)).toSorted((a, b) =>
    a.publishAt < b.publishAt ? 1 : -1,
  );
  const newest = posts.slice(0, ctx.config.inFeed);
  return await Promise.all(
    newest.map(async (post) => ({ post, text: await readText(ctx.storage, post) })),
  );
}
