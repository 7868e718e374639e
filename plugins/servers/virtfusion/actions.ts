// What an admin or a customer can start from the panel. A suspended server stays as it is.

import { fail } from 'cofferdam/sdk';
import type { Action, Service } from 'cofferdam/sdk';

import { connect } from './api.ts';
import { parseSettings } from './config.ts';
import type { Config, VirtFusionContext } from './config.ts';
import { requireServer } from './servers.ts';

type ServerAction = Action<Config, Service>;

async function openServer(ctx: VirtFusionContext, service: Service) {
  const api = connect(ctx);
  const server = await requireServer({ api, storage: ctx.storage }, service);
  if (!server.suspended) return { api, id: server.id };
  throw fail('forbidden', `Server ${server.id} is suspended`, {
    remedy: 'Unsuspend the service first',
  });
}

function power(
  label: string,
  verb: 'boot' | 'shutdown' | 'restart' | 'poweroff',
  confirm?: string,
): ServerAction {
  return {
    label,
    audience: 'both',
    confirm,
    async run({ subject }, ctx) {
      const { api, id } = await openServer(ctx, subject);
      await api.power(id, verb);
      return { message: `${label}: VirtFusion has taken the order` };
    },
  };
}

/** The actions of this extension. */
export const actions: { readonly [name: string]: ServerAction } = {
  start: power('Start', 'boot'),
  stop: power('Shut down', 'shutdown'),
  restart: power('Restart', 'restart'),
  poweroff: power('Switch off', 'poweroff', 'Switch off at once? Unsaved data is lost.'),
  rebuild: {
    label: 'Reinstall',
    audience: 'both',
    confirm: 'Reinstall the server? Everything on its disk is lost.',
    fields: [
      {
        name: 'os',
        label: 'Operating system',
        type: 'number',
        required: true,
        description: 'The id of one that the product offers',
      },
    ],
    async run({ subject, values }, ctx) {
      const { osIds } = parseSettings(subject.product.settings);
      const osId = Number(values['os'] ?? 0);
      if (!osIds.includes(osId)) {
        throw fail('invalid_input', `"os" must be one that the product offers: "${osId}"`, {
          remedy: `Choose one of ${osIds.join(', ')}`,
        });
      }
      const { api, id } = await openServer(ctx, subject);
      await api.build(id, { operatingSystemId: osId, email: true });
      return { message: 'The server is being reinstalled; VirtFusion mails the new password' };
    },
  },
  vnc: {
    label: 'VNC console',
    audience: 'both',
    async run({ subject }, ctx) {
      const { api, id } = await openServer(ctx, subject);
      const { ip, hostname, port, password } = (await api.openVnc(id)).vnc;
      return {
        message: 'Connect a VNC viewer to this address',
        oneTime: { host: hostname ?? ip, port, password },
      };
    },
  },
};
