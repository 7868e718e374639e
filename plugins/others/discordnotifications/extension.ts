// Discord Notifications: turns events of the panel into messages in one Discord channel.

import { defineOther } from 'cofferdam/sdk';

import { readWebhook, sendMessage } from './api.ts';
import { allChannels } from './channels.ts';
import { channelsOf, config } from './config.ts';
import { EVENT_NAMES, EVENTS } from './events.ts';
import { onEvent, post, readInput, sender } from './post.ts';

export default defineOther({
  config,

  async testConnection(ctx) {
    const said: string[] = [];
    for (const webhookUrl of allChannels(channelsOf(ctx.config))) {
      const { name, channelId } = await readWebhook({ ...ctx, config: { webhookUrl } });
      said.push(`Webhook "${name}" posts to channel ${channelId}`);
    }
    return { ok: true, message: said.join('; ') };
  },

  async execute(input, ctx) {
    const { name, data } = readInput(input);
    if (!ctx.config.events.includes(name))
      return { sent: false, reason: `"${name}" is switched off` };
    return await post(name, { data }, ctx);
  },

  on: Object.fromEntries(EVENT_NAMES.map((name) => [name, onEvent(name)])),

  actions: {
    test: {
      label: 'Send a test message',
      audience: 'admin',
      async run(_input, ctx) {
        const embed = {
          title: 'Test message',
          description: 'Notifications of the panel arrive in this channel.',
          color: EVENTS['user.created'].color,
          fields: [],
        };
        const messageIds: string[] = [];
        for (const webhookUrl of allChannels(channelsOf(ctx.config))) {
          const connection = { ...ctx, config: { webhookUrl } };
          messageIds.push(await sendMessage(connection, { embed, ...sender(ctx.config) }));
        }
        return { message: 'The test message was sent', data: { messageIds } };
      },
    },
  },
});
