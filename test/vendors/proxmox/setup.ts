// The Proxmox extension with its fake, as the claims about servers need it.

import assert from 'node:assert/strict';

import type { Json, JsonObject, Service } from 'cofferdam/sdk';

import definition from '../../../plugins/servers/proxmox/extension.ts';
import type { ServerVendor } from '../../contract/subject.ts';
import { createTestContext, createVendorFetch } from '../../helpers/context.ts';
import { startFakeProxmox, TOKEN_ID, TOKEN_SECRET } from './fake.ts';

/** The host of the config; nothing is ever sent there. */
export const HOST = 'pve.example.com';
const SEALED = 'sealed:PPPPRRRROOOOXXXXMMMMOO';

/** Settings of a product that the fake can make. */
export const SETTINGS: JsonObject = {
  node: 'pve1',
  type: 'qemu',
  source: 'clone',
  template: 9000,
  cores: 2,
  memoryMiB: 2048,
  diskGiB: 20,
  user: 'debian',
};

/** A service of ada@example.com. */
export function serviceOf(id = 's-1'): Service {
  return {
    id,
    user: { id: '7', email: 'ada@example.com' },
    product: { id: 'p', name: 'VPS', settings: SETTINGS },
    checkout: {},
    properties: {},
  };
}

/** What the claims about servers need to know. Proxmox has no customers: `email` is always Ada's. */
export const PROXMOX: ServerVendor = {
  name: 'proxmox',
  definition,
  async start() {
    const fake = await startFakeProxmox();
    const storage = new Map<string, Json>();
    return {
      vendor: fake.vendor,
      context({ isWrong = false, signal } = {}) {
        const config = definition.config?.parse({
          host: HOST,
          tokenId: TOKEN_ID,
          tokenSecret: SEALED,
        });
        assert.ok(config);
        const fetch = createVendorFetch({
          origins: { [`https://${HOST}:8006`]: fake.origin },
          sealed: { [SEALED]: isWrong ? 'wrong-wrong-wrong' : TOKEN_SECRET },
        });
        const call = signal === undefined ? {} : { call: { signal } };
        return createTestContext({ config, fetch, storage, ...call });
      },
      service: serviceOf,
      objects: () =>
        [...fake.guests.values()]
          .filter(({ template, vmid }) => !template && vmid < 5_000)
          .map(({ vmid, status, config }) => ({
            id: String(vmid),
            email: 'ada@example.com',
            state: status === 'running' ? 'active' : 'suspended',
            size: { cores: config['cores'], memory: config['memory'], scsi0: config['scsi0'] },
          })),
      vanish: (id) => void fake.guests.delete(Number(id)),
      addCustomer: () => undefined,
      finishWork: () => fake.finishTasks(),
      [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
    };
  },
  secrets: [TOKEN_SECRET],
  hasCredentials: ({ headers }) =>
    headers['authorization'] === `PVEAPIToken=${TOKEN_ID}=${TOKEN_SECRET}`,
  patterns: {
    probe: /^GET \/api2\/json\/version$/,
    lookup: /^GET \/api2\/json\/cluster\/resources/,
    create: /^POST \/api2\/json\/nodes\/pve1\/qemu\/9000\/clone$/,
    terminate: /^DELETE \/api2\/json\/nodes\/pve1\/qemu\/\d+/,
  },
  refusedField: {
    field: 'newid',
    reply: {
      status: 400,
      json: {
        data: null,
        message: 'Parameter verification failed.\n',
        errors: { newid: 'value must have a minimum value of 100' },
      },
    },
  },
  refusals: [
    {
      code: 'capacity',
      reply: {
        status: 500,
        json: { data: null, message: "not enough space on storage 'local-lvm'" },
      },
    },
    {
      code: 'locked',
      reply: {
        status: 500,
        json: { data: null, message: "can't lock file 'lock-9000.conf' - got timeout" },
      },
    },
  ],
  unauthorized: { status: 401, json: { data: null, message: 'invalid token value!\n' } },
  greedyCheckout: { cores: 64, memoryMiB: 65_536, node: 'pve2', template: 9001 },
  larger: {
    settings: { ...SETTINGS, cores: 4, memoryMiB: 4096, diskGiB: 40 },
    size: { cores: '4', memory: '4096', scsi0: 'local-lvm:base-9000-disk-0,size=40G' },
  },
  badCheckout: { checkout: { hostname: '-web1' }, field: 'hostname' },
};
