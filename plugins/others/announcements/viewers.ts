// Who looks, what they may see, and what they have read.

import { fail, textOf } from 'cofferdam/sdk';
import type { Json, JsonObject, Storage } from 'cofferdam/sdk';

import type { Post } from './posts.ts';

/** Who looks at a page; nobody in particular is a guest. */
export type Viewer = {
  readonly id: string | null;
  readonly isAdmin: boolean;
  readonly groups: readonly string[];
  readonly products: readonly string[];
};

/** Reads the panel's viewer. */
export function readViewer(given: JsonObject | undefined): Viewer {
  const id = textOf(given?.['id']) ?? null;
  return {
    id: id === null || !/^[\x21-\x7e]{1,100}$/.test(id) ? null : id,
    isAdmin: given?.['role'] === 'admin',
    groups: idsOf(given?.['groups']),
    products: idsOf(given?.['products']),
  };
}

/** @throws {ExtensionFailure} `forbidden` for anybody but an admin */
export function demandAdmin(given: JsonObject | undefined): void {
  if (readViewer(given).isAdmin) return;
  throw fail('forbidden', 'Only an admin may do this', {
    remedy: 'Send the admin as {"id": "…", "role": "admin"}',
  });
}

/** Whether an announcement is on show for a viewer at a time. */
export function isVisible(post: Post, viewer: Viewer, nowMs: number): boolean {
  if (post.state !== 'published' || Date.parse(post.publishAt) > nowMs) return false;
  if (post.expiresAt !== null && Date.parse(post.expiresAt) <= nowMs) return false;
  const { kind, ids } = post.audience;
  switch (kind) {
    case 'everyone':
      return true;
    case 'customers':
      return viewer.id !== null;
    case 'groups':
      return viewer.groups.some((each) => ids.includes(each));
    case 'products':
      return viewer.products.some((each) => ids.includes(each));
    case 'users':
      return viewer.id !== null && ids.includes(viewer.id);
  }
}

/** Notes that a customer has read an announcement; the first time counts. */
export async function markRead(
  storage: Storage,
  { id }: Post,
  userId: string,
  at: string,
): Promise<void> {
  await storage.compareAndSet(readKey(userId, id), null, at);
}

/** When a customer read each announcement, by its id. */
export async function readReceipts(storage: Storage, userId: string): Promise<Map<string, string>> {
  const prefix = readKey(userId, '');
  const all = await storage.list<string>(prefix, { limit: 1_000 });
  return new Map(all.map(({ key, value }) => [key.slice(prefix.length), value]));
}

/** Forgets what a customer has read. */
export async function forgetReader(storage: Storage, userId: string): Promise<void> {
  for (const { key } of await storage.list(readKey(userId, ''), { limit: 1_000 })) {
    await storage.delete(key);
  }
}

/** Ids out of a list. */
export function idsOf(value: Json | undefined): string[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, 1_000)
    .map(textOf)
    .filter((id): id is string => id !== undefined && id.length <= 100);
}

function readKey(userId: string, id: string): string {
  return `read:${encodeURIComponent(userId)}:${id}`;
}
