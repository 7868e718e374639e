// What customers and admins may start on a server by hand.

import { fail, originOf } from 'cofferdam/sdk';
import type { Service } from 'cofferdam/sdk';

import { connect } from './api.ts';
import type { Pterodactyl } from './api.ts';
import type { PterodactylContext } from './config.ts';
import { requireServer } from './servers.ts';

type Input = { readonly subject: Service };

/** The actions of the extension, by name. */
export const actions = {
  start: power('Start', 'start'),
  stop: power('Stop', 'stop'),
  restart: power('Restart', 'restart'),
  kill: power('Kill', 'kill', 'Kill the process? What it has not saved is lost.'),
  console: {
    label: 'Console',
    audience: 'both',
    async run({ subject }: Input, ctx: PterodactylContext) {
      const { identifier } = await requireServer(connect(ctx), subject, ctx);
      return { url: `${originOf(ctx.config)}/server/${identifier}` };
    },
  },
  reinstall: {
    label: 'Reinstall',
    audience: 'both',
    confirm: 'Run the install script again? It may overwrite or delete files of the server.',
    async run({ subject }: Input, ctx: PterodactylContext) {
      const api = connect(ctx);
      const server = await requireServer(api, subject, ctx);
      if (server.status === 'suspended') {
        // The panel would forget that it is suspended.
        throw fail('locked', `Server ${server.id} is suspended`, {
          retriable: false,
          remedy: 'Unsuspend the service first',
        });
      }
      await api.reinstall(server.id);
      return { message: 'The installation has begun' };
    },
  },
  forget: {
    label: 'Remove by force',
    audience: 'admin',
    confirm: 'Remove it from the panel even if its node does not answer? Files may stay there.',
    async run({ subject }: Input, ctx: PterodactylContext) {
      const api = connect(ctx);
      const { id } = await requireServer(api, subject, ctx);
      await api.removeByForce(id);
      return { message: `Server ${id} is removed from the panel` };
    },
  },
} as const;

/** The client API. @throws {ExtensionFailure} `unsupported` when no key for it is configured */
export function requireClient({ client }: Pterodactyl): NonNullable<Pterodactyl['client']> {
  if (client !== undefined) return client;
  throw fail('unsupported', 'Pterodactyl gives usage and power to client API keys only', {
    remedy: 'Enter a client API key of an administrator in the configuration',
  });
}

function power(label: string, signal: 'start' | 'stop' | 'restart' | 'kill', confirm?: string) {
  return {
    label,
    audience: 'both',
    confirm,
    async run({ subject }: Input, ctx: PterodactylContext) {
      const api = connect(ctx);
      const { identifier } = await requireServer(api, subject, ctx);
      await requireClient(api).power(identifier, signal);
      return { message: `${label} was sent to the server` };
    },
  } as const;
}
