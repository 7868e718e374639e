// What an admin or a customer can start from the panel. A suspended server stays as it is.

import { createPassword, fail } from 'cofferdam/sdk';
import type { Action, Service } from 'cofferdam/sdk';

import { connect } from './api.ts';
import { parseSettings } from './config.ts';
import type { Config, VirtualizorContext } from './config.ts';
import { requireVps } from './servers.ts';
import type { Tools } from './servers.ts';

type ServerAction = Action<Config, Service>;

async function openServer(ctx: VirtualizorContext, service: Service) {
  const tools: Tools = { api: connect(ctx), storage: ctx.storage };
  const vps = await requireVps(tools, service);
  if (!vps.suspended) return { api: tools.api, vpsid: vps.vpsid };
  throw fail('forbidden', `Server ${vps.vpsid} is suspended`, {
    remedy: 'Unsuspend the service first',
  });
}

function power(
  label: string,
  verb: 'start' | 'stop' | 'restart' | 'poweroff',
  confirm?: string,
): ServerAction {
  return {
    label,
    audience: 'both',
    confirm,
    async run({ subject }, ctx) {
      const { api, vpsid } = await openServer(ctx, subject);
      await api.power(vpsid, verb);
      return { message: `${label}: Virtualizor has taken the order` };
    },
  };
}

/** The actions of this extension. */
export const actions: { readonly [name: string]: ServerAction } = {
  start: power('Start', 'start'),
  stop: power('Shut down', 'stop'),
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
        type: 'text',
        required: true,
        description: 'The id of one that the product offers',
      },
    ],
    async run({ subject, values }, ctx) {
      const { osIds } = parseSettings(subject.product.settings);
      const osId = String(values['os'] ?? '');
      if (!osIds.includes(osId)) {
        throw fail('invalid_input', `"os" must be one that the product offers: "${osId}"`, {
          remedy: `Choose one of ${osIds.join(', ')}`,
        });
      }
      const { api, vpsid } = await openServer(ctx, subject);
      const rootPassword = createPassword();
      await api.rebuild(vpsid, osId, rootPassword);
      return { message: 'The server is being reinstalled', oneTime: { rootPassword } };
    },
  },
  vnc: {
    label: 'VNC console',
    audience: 'both',
    async run({ subject }, ctx) {
      const { api, vpsid } = await openServer(ctx, subject);
      const { ip, port, password } = await api.vnc(vpsid);
      return {
        message: 'Connect a VNC viewer to this address',
        oneTime: { host: ip, port, password },
      };
    },
  },
  resetTraffic: {
    label: 'Set used traffic to zero',
    audience: 'admin',
    async run({ subject }, ctx) {
      const { api, vpsid } = await openServer(ctx, subject);
      await api.act(vpsid, 'bwreset');
      return { message: 'The used traffic is zero' };
    },
  },
};
