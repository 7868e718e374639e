// What an admin does to announcements: values of a form become one, checked field by field.

import { fail, textOf } from 'cofferdam/sdk';
import type { Json, JsonObject, Storage } from 'cofferdam/sdk';

import { plainText } from './markdown.ts';
import { claimSlug, readPost, readText, removePost, TEXT_CHARS, writePost } from './posts.ts';
import type { Audience, Post } from './posts.ts';
import { idsOf } from './viewers.ts';

const STATES = ['draft', 'published', 'archived'] as const;
const KINDS = ['everyone', 'customers', 'groups', 'products', 'users'] as const;
const SUMMARY_CHARS = 280;
const IDS_MAX = 200;

/**
 * Makes an announcement, or changes the one that `values.id` names; fields that are absent stay.
 *
 * @param options.id The id of a new one: the same for every try of one call
 */
export async function savePost(
  storage: Storage,
  values: JsonObject,
  options: { readonly author: string | null; readonly id: string },
): Promise<Post> {
  const id = textOf(values['id']);
  const newId = options.id.replaceAll(/[^A-Za-z0-9-]/g, '-').slice(0, 80);
  // A repeated call finds what its first try made, and changes it into the same.
  const before =
    id === undefined
      ? ((await storage.get<Post>(`post:${newId}`)) ?? undefined)
      : await readPost(storage, id);
  const expected = values['revision'];
  if (before !== undefined && typeof expected === 'number' && expected !== before.revision) {
    throw fail('conflict', `Announcement "${before.id}" is at revision ${before.revision} now`, {
      remedy: 'Read it again and repeat the change',
    });
  }
  const draft = await readDraft(storage, values, before);
  const ownId = before?.id ?? newId;
  const wanted = textOf(values['slug']);
  const slug =
    before !== undefined && (wanted === undefined || wanted === before.slug)
      ? before.slug
      : await claimSlug(storage, ownId, { wanted, title: draft.title });
  const { text, ...fields } = draft;
  const post: Post = {
    ...fields,
    id: ownId,
    slug,
    author: before?.author ?? options.author,
    updatedAt: new Date().toISOString(),
    revision: (before?.revision ?? 0) + 1,
  };
  await writePost(storage, post, { before, text });
  return post;
}

/** Takes one off the pages; it can be published again. */
export async function archivePost(storage: Storage, id: string): Promise<void> {
  const before = await readPost(storage, id);
  if (before.state === 'archived') return;
  const text = await readText(storage, before);
  const post: Post = { ...before, state: 'archived', revision: before.revision + 1 };
  await writePost(storage, post, { before, text });
}

/** Deletes one; one that is gone already is deleted. */
export async function deletePost(storage: Storage, id: string): Promise<void> {
  const post = await storage.get<Post>(`post:${encodeURIComponent(id)}`);
  if (post !== null) await removePost(storage, post);
}

type Draft = Omit<Post, 'id' | 'slug' | 'author' | 'updatedAt' | 'revision'> & {
  readonly text: string;
};

async function readDraft(
  storage: Storage,
  values: JsonObject,
  before: Post | undefined,
): Promise<Draft> {
  const title = textOf(values['title']) ?? before?.title ?? '';
  if (title === '' || title.length > 200) throw unfit('title', 'must have 1 to 200 characters');
  const given = values['text'];
  if (given !== undefined && typeof given !== 'string') throw unfit('text', 'must be Markdown');
  const text = given ?? (before === undefined ? '' : await readText(storage, before));
  if (text.trim() === '' || text.length > TEXT_CHARS) {
    throw unfit('text', `must have 1 to ${TEXT_CHARS} characters`);
  }
  const publishAt = readDate(values, 'publishAt') ?? before?.publishAt ?? new Date().toISOString();
  const expiresAt =
    values['expiresAt'] === null || values['expiresAt'] === ''
      ? null
      : (readDate(values, 'expiresAt') ?? before?.expiresAt ?? null);
  if (expiresAt !== null && expiresAt <= publishAt) {
    throw unfit('expiresAt', `must be later than "publishAt" (${publishAt})`);
  }
  return {
    title,
    text,
    summary: plainText(textOf(values['summary']) ?? text, SUMMARY_CHARS),
    state: readChoice(values, 'state', STATES) ?? before?.state ?? 'draft',
    publishAt,
    expiresAt,
    pinned: readFlag(values['pinned']) ?? before?.pinned ?? false,
    audience: readAudience(values['audience']) ?? before?.audience ?? { kind: 'everyone', ids: [] },
  };
}

function readAudience(value: Json | undefined): Audience | undefined {
  if (value === undefined || value === null) return undefined;
  const given: JsonObject =
    typeof value === 'object' && !Array.isArray(value) ? value : { kind: value };
  const kind = readChoice(given, 'kind', KINDS);
  const ids = idsOf(given['ids']);
  if (kind === undefined) throw unfit('audience', `needs a kind: ${KINDS.join(', ')}`);
  const isNamed = kind !== 'everyone' && kind !== 'customers';
  if (isNamed && (ids.length === 0 || ids.length > IDS_MAX)) {
    throw unfit('audience', `needs 1 to ${IDS_MAX} "ids" of ${kind}`);
  }
  return { kind, ids: isNamed ? ids : [] };
}

function readChoice<T extends string>(
  values: JsonObject,
  field: string,
  choices: readonly T[],
): T | undefined {
  const value = values[field];
  if (value === undefined || value === null || value === '') return undefined;
  const found = choices.find((each) => each === value);
  if (found !== undefined) return found;
  throw unfit(field, `must be one of ${choices.join(', ')}`);
}

function readDate(values: JsonObject, field: string): string | undefined {
  const value = values[field];
  if (value === undefined || value === null || value === '') return undefined;
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw unfit(field, 'must be a date such as "2027-01-31T09:00:00Z"');
  return new Date(ms).toISOString();
}

function readFlag(value: Json | undefined): boolean | undefined {
  if (value === undefined || value === null || typeof value === 'boolean')
    return value ?? undefined;
  throw unfit('pinned', 'must be true or false');
}

function unfit(field: string, why: string): Error {
  return fail('invalid_input', `Field "${field}" ${why}`, {
    remedy: `Correct "${field}" and save again`,
  });
}
