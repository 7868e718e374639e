// Announcements: news that an admin writes and customers read.

import { defineOther, isObject } from 'cofferdam/sdk';

import { actions } from './actions.ts';
import { config } from './config.ts';
import { pages } from './pages.ts';
import { listPosts } from './posts.ts';
import { forgetReader, isVisible, readViewer } from './viewers.ts';

const GUEST = readViewer(undefined);

export default defineOther({
  config,

  async testConnection({ storage }) {
    const posts = await listPosts(storage);
    const shown = posts.filter((post) => isVisible(post, GUEST, Date.now())).length;
    return { ok: true, message: `${posts.length} announcements, ${shown} on show for everyone` };
  },

  on: {
    async 'user.deleted'({ data }, { storage }) {
      const user = data['user'];
      const { id } = readViewer({ ...data, ...(isObject(user) ? user : {}) });
      if (id !== null) await forgetReader(storage, id);
    },
  },

  pages,
  actions,
});
