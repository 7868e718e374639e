// Announcements as they are kept: what is known of each apart from its text, the text by revision, and which
// slug belongs to which. Every write says which revision it was made from.

import { fail } from 'cofferdam/sdk';
import type { Storage } from 'cofferdam/sdk';

/** Who may read an announcement. */
export type Audience = {
  readonly kind: 'everyone' | 'customers' | 'groups' | 'products' | 'users';
  /** Ids of groups, products or users */
  readonly ids: string[];
};

/** What is known of an announcement, apart from its text. */
export type Post = {
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly summary: string;
  readonly state: 'draft' | 'published' | 'archived';
  /** ISO 8601 UTC; shown from here on */
  readonly publishAt: string;
  /** Shown until then; null: for ever */
  readonly expiresAt: string | null;
  readonly pinned: boolean;
  readonly audience: Audience;
  readonly author: string | null;
  readonly updatedAt: string;
  readonly revision: number;
};

export const POSTS_MAX = 1_000;
export const TEXT_CHARS = 30_000;
const SLUG_TRIES = 50;

/** Every announcement, pinned first, newest first. */
export async function listPosts(storage: Storage): Promise<Post[]> {
  const all = await storage.list<Post>('post:', { limit: POSTS_MAX });
  return all.map(({ value }) => value).toSorted(byPlace);
}

/** @throws {ExtensionFailure} `not_found` */
export async function readPost(storage: Storage, id: string): Promise<Post> {
  const post = await storage.get<Post>(`post:${encodeURIComponent(id)}`);
  if (post !== null) return post;
  throw fail('not_found', `There is no announcement "${id.slice(0, 100)}"`, {
    remedy: 'Read the page "all" for those that there are',
  });
}

/** The announcement under a slug; undefined when there is none. */
export async function findBySlug(storage: Storage, slug: string): Promise<Post | undefined> {
  const id = await storage.get<string>(`slug:${encodeURIComponent(slug.slice(0, 100))}`);
  if (id === null) return undefined;
  return (await storage.get<Post>(`post:${id}`)) ?? undefined;
}

/** The Markdown of an announcement. */
export async function readText(storage: Storage, { id, revision }: Post): Promise<string> {
  return (await storage.get<string>(textKey(id, revision))) ?? '';
}

/**
 * Writes an announcement and its text, or nothing.
 *
 * @param before What it was made from; undefined makes a new one
 * @throws {ExtensionFailure} `conflict` when somebody else was faster
 */
export async function writePost(
  storage: Storage,
  post: Post,
  { before, text }: { readonly before: Post | undefined; readonly text: string },
): Promise<void> {
  if (before === undefined && (await listPosts(storage)).length >= POSTS_MAX) {
    throw fail('capacity', `There are ${POSTS_MAX} announcements`, {
      remedy: 'Delete those that nobody needs any more',
    });
  }
  // The text first: an announcement never stands there without it.
  await storage.set(textKey(post.id, post.revision), text);
  if (!(await storage.compareAndSet(`post:${post.id}`, before ?? null, post))) {
    throw fail('conflict', `Announcement "${post.id}" was changed by somebody else`, {
      remedy: 'Read it again and repeat the change',
    });
  }
  if (before !== undefined && before.revision !== post.revision) {
    await storage.delete(textKey(before.id, before.revision));
  }
  if (before !== undefined && before.slug !== post.slug) await releaseSlug(storage, before);
}

/** Removes an announcement with everything that belongs to it. */
export async function removePost(storage: Storage, post: Post): Promise<void> {
  await storage.delete(`post:${post.id}`);
  await storage.delete(textKey(post.id, post.revision));
  await releaseSlug(storage, post);
}

async function releaseSlug(storage: Storage, { id, slug }: Post): Promise<void> {
  const key = `slug:${slug}`;
  if ((await storage.get(key)) === id) await storage.delete(key);
}

/**
 * Takes a slug for an announcement.
 *
 * @param options.wanted Taken as it is, or refused; without it one is made of the title, with a number
 *   when others have it
 */
export async function claimSlug(
  storage: Storage,
  id: string,
  options: { readonly wanted?: string | undefined; readonly title: string },
): Promise<string> {
  const { wanted } = options;
  if (wanted !== undefined && !/^[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?$/.test(wanted)) {
    throw fail(
      'invalid_input',
      `Field "slug" must be like "new-prices": "${wanted.slice(0, 80)}"`,
      {
        remedy: 'Use 1 to 80 lower-case letters, digits and "-"',
      },
    );
  }
  const base = wanted ?? slugOf(options.title);
  for (let number = 1; number <= SLUG_TRIES; number += 1) {
    const slug = number === 1 ? base : `${base}-${number}`;
    const key = `slug:${slug}`;
    if (await storage.compareAndSet(key, null, id)) return slug;
    if ((await storage.get(key)) === id) return slug;
    if (wanted !== undefined) break;
  }
  throw fail('conflict', `Slug "${base}" belongs to another announcement`, {
    remedy: 'Choose another slug',
  });
}

/** `Neue Preise für 2027!` → `neue-preise-fur-2027` */
export function slugOf(title: string): string {
  const words = title.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
  const slug = words
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 70);
  return slug.replace(/-+$/, '') || 'announcement';
}

function textKey(id: string, revision: number): string {
  return `text:${id}:${revision}`;
}

function byPlace(a: Post, b: Post): number {
  if (a.pinned !== b.pinned) return a.pinned ? -1 : 1;
  if (a.publishAt !== b.publishAt) return a.publishAt > b.publishAt ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}
