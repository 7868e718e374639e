// Pterodactyl: game servers on a panel of the operator's own.

import { createPassword, defineServer, originOf } from 'cofferdam/sdk';
import type { ServerResult } from 'cofferdam/sdk';

import { setPassword } from './accounts.ts';
import { actions, requireClient } from './actions.ts';
import { connect } from './api.ts';
import { ensurePorts, limitsOf, requireEgg, startupOf } from './build.ts';
import { config, parseSettings } from './config.ts';
import { checkoutFields, productFields } from './fields.ts';
import { nodesWithRoom, requireRoomToGrow } from './ports.ts';
import { missingRights } from './rights.ts';
import {
  advance,
  createServer,
  findServer,
  FORGOTTEN,
  progressOf,
  requireServer,
} from './servers.ts';
import { allocationsOf, environmentOf } from './shapes.ts';
import type { GameServer } from './shapes.ts';
import { checkoutProblems } from './variables.ts';

const MIB = 1_048_576;

export default defineServer({
  config,

  async testConnection(ctx) {
    const api = connect(ctx);
    const missing = await missingRights(api);
    if (missing.length > 0) {
      return {
        ok: false,
        message: `The application API key may not read ${missing.join(', ')}`,
        remedy: 'Give the key the rights that the README of this extension lists',
      };
    }
    if (api.client !== undefined && !(await api.client.isAdmin())) {
      return {
        ok: false,
        message: 'The client API key does not belong to an administrator',
        remedy: 'Make the client API key with an administrator’s account, or leave it out',
      };
    }
    return { ok: true, message: 'The Pterodactyl panel answers' };
  },

  create: (service, ctx) => createServer(connect(ctx), service, ctx),

  async suspend(service, ctx) {
    const api = connect(ctx);
    const server = await requireServer(api, service, ctx);
    if (server.status !== 'suspended') await api.suspend(server.id);
    return done(server);
  },

  async unsuspend(service, ctx) {
    const api = connect(ctx);
    const server = await requireServer(api, service, ctx);
    if (server.status === 'suspended') await api.unsuspend(server.id);
    return done(server);
  },

  async terminate(service, ctx) {
    const api = connect(ctx);
    const server = await findServer(api, service, ctx);
    // The panel removes it from the node before it answers; one that is gone is what was wanted.
    if (server !== undefined) await api.remove(server.id);
    return { status: 'done', properties: FORGOTTEN };
  },

  async getLoginUrl(service, ctx) {
    const { identifier } = await requireServer(connect(ctx), service, ctx);
    return { url: `${originOf(ctx.config)}/server/${identifier}` };
  },

  async changePackage(change, ctx) {
    const api = connect(ctx);
    const server = await requireServer(api, change, ctx);
    const settings = parseSettings(change.product.settings);
    const egg = await requireEgg(api, settings);
    // Checked before anything changes, so that a value the egg refuses leaves the server as it was.
    const startup = startupOf(server, egg, { settings, now: environmentOf(server) });
    await requireRoomToGrow(api, server, settings);
    await api.updateBuild(server.id, { allocation: server.allocation, ...limitsOf(settings) });
    await api.updateStartup(server.id, startup);
    if (settings.nodeId !== undefined && settings.nodeId !== server.node)
      ctx.log.warn('The server stays on its node: the panel moves none', { node: server.node });
    return done(await ensurePorts(api, server, settings));
  },

  async changePassword({ service, password = createPassword() }, ctx) {
    const api = connect(ctx);
    const server = await requireServer(api, service, ctx);
    const { username } = await setPassword(api, server.user, password);
    return { ...done(server), oneTime: { username, password } };
  },

  async usage(service, ctx) {
    const api = connect(ctx);
    const server = await requireServer(api, service, ctx);
    const { resources: now } = await requireClient(api).stats(server.identifier);
    const { memory, disk, cpu } = server.limits;
    const bytes = (mib: number): number | null => (mib > 0 ? mib * MIB : null);
    return [
      { name: 'cpu', used: now.cpu_absolute, limit: cpu > 0 ? cpu : null, unit: 'percent' },
      { name: 'memory', used: now.memory_bytes, limit: bytes(memory), unit: 'bytes' },
      { name: 'disk', used: now.disk_bytes, limit: bytes(disk), unit: 'bytes' },
      { name: 'received', used: now.network_rx_bytes, limit: null, unit: 'bytes' },
      { name: 'sent', used: now.network_tx_bytes, limit: null, unit: 'bytes' },
    ];
  },

  async list(_input, ctx) {
    const prefix = ctx.config.externalIdPrefix;
    const servers = await connect(ctx).servers();
    return servers.map(
      ({ id, uuid, identifier, name, status, external_id: externalId, ...each }) => {
        const email = each.relationships?.user?.attributes?.email;
        return {
          remoteId: String(id),
          name,
          status: STATES[status ?? 'running'] ?? 'unknown',
          ...(externalId?.startsWith(prefix) === true && externalId !== ''
            ? { serviceId: externalId.slice(prefix.length) }
            : {}),
          ...(email === undefined ? {} : { email }),
          properties: { serverId: id, uuid, identifier },
        };
      },
    );
  },

  async info(service, ctx) {
    const server = await requireServer(connect(ctx), service, ctx);
    const own = allocationsOf(server).toSorted(
      (a, b) => Number(b.id === server.allocation) - Number(a.id === server.allocation),
    );
    return {
      name: server.name,
      identifier: server.identifier,
      status: server.status ?? 'installed',
      addresses: own.map(({ ip, alias, port }) => {
        const name = alias || ip;
        return `${name.includes(':') ? `[${name}]` : name}:${port}`;
      }),
      memoryMiB: server.limits.memory,
      diskMiB: server.limits.disk,
      cpuPercent: server.limits.cpu,
    };
  },

  productConfig: (values, ctx) => productFields(connect(ctx), values),

  async checkoutConfig({ product }, ctx) {
    const settings = parseSettings(product.settings);
    return checkoutFields(await requireEgg(connect(ctx), settings), settings);
  },

  async validate({ product, checkout }, ctx) {
    const api = connect(ctx);
    const settings = parseSettings(product.settings);
    const egg = await requireEgg(api, settings);
    await nodesWithRoom(api, settings);
    return checkoutProblems(egg, settings, checkout);
  },

  async reconcile({ operation, service }, ctx) {
    const api = connect(ctx);
    const server = await requireServer(api, service, ctx);
    return operation === 'create' ? advance(api, service, server) : progressOf(server);
  },

  actions,
});

const STATES: { readonly [status: string]: 'active' | 'suspended' | 'pending' } = {
  running: 'active',
  suspended: 'suspended',
  installing: 'pending',
};

function done({ id, uuid, identifier }: GameServer) {
  const properties = { serverId: id, uuid, identifier };
  return { status: 'done', remoteId: String(id), properties } satisfies ServerResult;
}
