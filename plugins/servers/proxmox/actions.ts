// What an admin or a customer can start from the panel.

import { originOf } from 'cofferdam/sdk';
import type { Action, Service } from 'cofferdam/sdk';

import { connect } from './api.ts';
import type { Config } from './config.ts';
import { requireGuest } from './guests.ts';
import { power } from './power.ts';
import type { PowerAct } from './power.ts';

type ServerAction = Action<Config, Service>;

/** The actions of this extension. */
export const actions: { readonly [name: string]: ServerAction } = {
  start: powerAction('Start', { act: 'start', wanted: 'running' }),
  stop: powerAction('Stop', {
    act: 'stop',
    wanted: 'stopped',
    confirm: 'Stop without shutting down? Unsaved data is lost.',
  }),
  reboot: powerAction('Restart', { act: 'reboot', wanted: 'running' }),
  console: {
    label: 'Console',
    audience: 'admin',
    async run({ subject }, ctx) {
      const { type, node, vmid } = await requireGuest(
        { api: connect(ctx), storage: ctx.storage },
        subject,
      );
      const query = new URLSearchParams({
        console: type === 'lxc' ? 'lxc' : 'kvm',
        novnc: '1',
        node,
        vmid: String(vmid),
      });
      return {
        url: `${originOf(ctx.config)}/?${query.toString()}`,
        message: 'Asks for a login at Proxmox: an API token cannot open a console',
      };
    },
  },
};

function powerAction(
  label: string,
  { confirm, ...act }: PowerAct & { readonly confirm?: string },
): ServerAction {
  return {
    label,
    audience: 'both',
    confirm,
    async run({ subject }, ctx) {
      const tools = { api: connect(ctx), storage: ctx.storage };
      const result = await power(tools.api, await requireGuest(tools, subject), act);
      return { message: result.status === 'pending' ? `${label} has begun` : `${label} is done` };
    },
  };
}
