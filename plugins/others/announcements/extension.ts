// Announcements: news that an admin writes and customers read.

import { defineOther, fail, z } from 'cofferdam/sdk';
import type { Context, JsonObject, Page } from 'cofferdam/sdk';

import { archivePost, deletePost, savePost } from './edit.ts';
import { linkOf, writeJsonFeed, writeRss } from './feeds.ts';
import type { FeedItem } from './feeds.ts';
import { renderMarkdown } from './markdown.ts';
import { findBySlug, listPosts, readPost, readText } from './posts.ts';
import type { Post } from './posts.ts';
import {
  demandAdmin,
  forgetReader,
  isVisible,
  markRead,
  readReceipts,
  readViewer,
  textOf,
} from './viewers.ts';

const config = z.object({
  siteUrl: z
    .url({ protocol: /^https$/, error: 'must be an https address' })
    .max(500)
    .transform((url) => url.replace(/\/+$/, ''))
    .meta({ label: 'Address of the panel', description: 'Links in feeds begin with it' }),
  title: z.string().min(1).max(200).default('Announcements').meta({ label: 'Title of the feeds' }),
  description: z.string().max(500).default('').meta({ label: 'Description of the feeds' }),
  language: z
    .string()
    .regex(/^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/, 'must be a language tag such as "en"')
    .default('en')
    .meta({ label: 'Language of the feeds' }),
  perPage: z.int().min(1).max(50).default(10).meta({ label: 'Announcements on a page' }),
  inFeed: z.int().min(1).max(50).default(20).meta({ label: 'Announcements in a feed' }),
  inWidget: z.int().min(1).max(20).default(3).meta({ label: 'Announcements in the widget' }),
});

type Ctx = Context<z.output<typeof config>>;
type Request = { readonly params: JsonObject; readonly viewer?: JsonObject };
type Input = { readonly values: JsonObject; readonly actor?: JsonObject };

const GUEST = readViewer(undefined);
const ID = { name: 'id', label: 'Announcement', type: 'text', required: true } as const;

export default defineOther({
  config,

  on: {
    async 'user.deleted'({ data }, { storage }) {
      const user = readViewer(data['user'] === undefined ? data : { ...data, ...objectOf(data) });
      if (user.id !== null) await forgetReader(storage, user.id);
    },
  },

  async testConnection({ storage }) {
    const posts = await listPosts(storage);
    const shown = posts.filter((post) => isVisible(post, GUEST, Date.now())).length;
    return { ok: true, message: `${posts.length} announcements, ${shown} on show for everyone` };
  },

  pages: {
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
  },

  actions: {
    save: {
      label: 'Save an announcement',
      audience: 'admin',
      fields: [
        { name: 'title', label: 'Title', type: 'text', required: true },
        { name: 'text', label: 'Text', type: 'markdown', required: true },
        { name: 'slug', label: 'Slug', type: 'text', description: 'Empty: made of the title' },
        { name: 'state', label: 'State', type: 'select', options: stateOptions() },
        { name: 'publishAt', label: 'Shown from', type: 'text', description: 'ISO 8601' },
        { name: 'expiresAt', label: 'Shown until', type: 'text', description: 'ISO 8601' },
        { name: 'pinned', label: 'Pinned', type: 'boolean' },
      ],
      async run({ values, actor }: Input, ctx: Ctx) {
        demandAdmin(actor);
        const author = readViewer(actor).id;
        const post = await savePost(ctx.storage, values, { author, id: ctx.call.operationId });
        return { message: 'Saved', data: { ...post, link: linkOf(ctx.config, post) } };
      },
    },

    archive: {
      label: 'Take an announcement off',
      audience: 'admin',
      fields: [ID],
      async run({ values, actor }: Input, { storage }: Ctx) {
        demandAdmin(actor);
        await archivePost(storage, textOf(values['id']) ?? '');
        return { message: 'The announcement is not shown any more' };
      },
    },

    delete: {
      label: 'Delete an announcement',
      audience: 'admin',
      confirm: 'The announcement is gone for good.',
      fields: [ID],
      async run({ values, actor }: Input, { storage }: Ctx) {
        demandAdmin(actor);
        await deletePost(storage, textOf(values['id']) ?? '');
        return { message: 'Deleted' };
      },
    },

    markRead: {
      label: 'Mark as read',
      audience: 'customer',
      fields: [ID],
      async run({ values, actor }: Input, { storage }: Ctx) {
        const who = readViewer(actor);
        if (who.id === null) throw fail('unauthorized', 'Nobody is named who has read it');
        const post = await readPost(storage, textOf(values['id']) ?? '');
        if (!isVisible(post, who, Date.now()))
          throw fail('not_found', 'There is no such announcement');
        await markRead(storage, post, who.id, new Date().toISOString());
        return { message: 'Read' };
      },
    },
  },
});

function stateOptions() {
  return (['draft', 'published', 'archived'] as const).map((value) => ({ value, label: value }));
}

function objectOf(data: JsonObject): JsonObject {
  const user = data['user'];
  return typeof user === 'object' && user !== null && !Array.isArray(user) ? user : {};
}

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
