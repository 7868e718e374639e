// What an admin does to announcements, and a customer who has read one.

import { fail, textOf } from 'cofferdam/sdk';
import type { JsonObject } from 'cofferdam/sdk';

import type { Ctx } from './config.ts';
import { archivePost, deletePost, savePost } from './edit.ts';
import { linkOf } from './feeds.ts';
import { readPost } from './posts.ts';
import { demandAdmin, isVisible, markRead, readViewer } from './viewers.ts';

type Input = { readonly values: JsonObject; readonly actor?: JsonObject };

const ID = { name: 'id', label: 'Announcement', type: 'text', required: true } as const;

/** The actions by name. */
export const actions = {
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
} as const;

function stateOptions() {
  return (['draft', 'published', 'archived'] as const).map((value) => ({ value, label: value }));
}
