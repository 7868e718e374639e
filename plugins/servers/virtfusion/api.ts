// The API of VirtFusion as this extension uses it: replies parsed.
// Source: docs.virtfusion.com/api (version 6) and the clients that the README names.

import { createRemote, orAbsent, originOf, readPages, readShape, z } from 'cofferdam/sdk';
import type { JsonObject } from 'cofferdam/sdk';

import type { VirtFusionContext } from './config.ts';
import { explain } from './refusals.ts';
import {
  groupShape,
  listedShape,
  loginShape,
  ownServerShape,
  packageShape,
  serverShape,
  sshKeyShape,
  templatesShape,
  trafficShape,
  userShape,
  vncShape,
} from './shapes.ts';

/** The most that VirtFusion gives at once. */
const PAGE_SIZE = 200;
/** 20 000 entries: beyond that a list says so instead of being cut. */
const PAGES_MAX = 100;

/** How VirtFusion knows a customer of the panel: by a number, or by a text where ids are no numbers. */
export type Relation = { readonly id: string; readonly isText: boolean };

/** The API of one control server. */
export type VirtFusion = ReturnType<typeof connect>;

type Query = Readonly<Record<string, string | number | boolean | undefined>>;
type Request = <T>(
  method: string,
  path: string,
  options: { query?: Query; json?: JsonObject; shape: z.ZodType<T> },
) => Promise<T>;

/** Connects with the config of the instance; nothing is sent yet. */
export function connect({ config, fetch, call }: VirtFusionContext) {
  const remote = createRemote({
    name: 'VirtFusion',
    fetch,
    baseUrl: `${originOf(config)}/api/v1`,
    headers: { authorization: `Bearer ${config.apiToken}` },
    explain,
  });
  const request: Request = async (method, path, { query, json, shape }) => {
    const reply = await remote.request(method, path, {
      ...(query === undefined ? {} : { query }),
      ...(json === undefined ? {} : { json }),
      signal: call.signal,
    });
    return readShape(shape, reply.json ?? {}, `VirtFusion's answer to ${method} ${path}`);
  };
  return {
    connection: () => request('GET', '/connect', { shape: nothing }),
    ...catalogOf(request),
    ...peopleOf(request),
    ...serversOf(request),
    ...controlsOf(request),
  };
}

const nothing = z.unknown();
const dataOf = <T>(shape: z.ZodType<T>) => z.object({ data: shape }).transform(({ data }) => data);

/** Reads a list to its last page; one without pages is its own last page. */
async function readList<T>(request: Request, path: string, item: z.ZodType<T>): Promise<T[]> {
  const shape = z.object({ data: z.array(item), last_page: z.number().default(1) });
  return await readPages({ what: `VirtFusion: ${path}`, pagesMax: PAGES_MAX }, async (page) => {
    const query = { results: PAGE_SIZE, page };
    const { data, last_page } = await request('GET', path, { query, shape });
    return { items: data, isLast: page >= last_page };
  });
}

/** What can be sold. */
function catalogOf(request: Request) {
  return {
    packages: () => request('GET', '/packages', { shape: dataOf(z.array(packageShape)) }),
    groups: () => readList(request, '/compute/hypervisors/groups', groupShape),
    templates: (packageId: number) =>
      request('GET', `/media/templates/fromServerPackageSpec/${packageId}`, {
        shape: dataOf(templatesShape),
      }),
  };
}

/** Customers and their keys. */
function peopleOf(request: Request) {
  const at = ({ id }: Relation): string => `/users/${encodeURIComponent(id)}`;
  const query = ({ isText }: Relation): Query => (isText ? { relStr: true } : {});
  return {
    user: (relation: Relation) =>
      orAbsent(() =>
        request('GET', `${at(relation)}/byExtRelation`, {
          query: query(relation),
          shape: dataOf(userShape),
        }),
      ),
    addUser: (json: JsonObject) => request('POST', '/users', { json, shape: dataOf(userShape) }),
    login: (relation: Relation, serverId: number) =>
      request('POST', `${at(relation)}/serverAuthenticationTokens/${serverId}`, {
        query: query(relation),
        shape: dataOf(loginShape),
      }),
    sshKeys: (userId: number) =>
      request('GET', `/ssh_keys/user/${userId}`, { shape: dataOf(z.array(sshKeyShape)) }),
    addSshKey: (json: JsonObject) =>
      request('POST', '/ssh_keys', { json, shape: dataOf(sshKeyShape) }),
  };
}

/** Orders for servers, and what there is of them. */
function serversOf(request: Request) {
  return {
    server: (id: number) => request('GET', `/servers/${id}`, { shape: dataOf(serverShape) }),
    servers: () => readList(request, '/servers', listedShape),
    serversOf: (userId: number) =>
      request('GET', `/servers/user/${userId}`, { shape: dataOf(z.array(ownServerShape)) }),
    addServer: (json: JsonObject) =>
      request('POST', '/servers', { json, shape: dataOf(z.looseObject({ id: z.number() })) }),
    /** Says whether `addServer` would succeed; makes nothing. */
    tryServer: (json: JsonObject) =>
      request('POST', '/servers', { query: { dryRun: true }, json, shape: nothing }),
    build: (id: number, json: JsonObject) =>
      request('POST', `/servers/${id}/build`, { json, shape: nothing }),
    /** `delay` is in minutes: without it the server would live on for a while. */
    remove: (id: number) =>
      request('DELETE', `/servers/${id}`, { query: { delay: 0 }, shape: nothing }),
    changePackage: (id: number, packageId: number, json: JsonObject) =>
      request('PUT', `/servers/${id}/package/${packageId}`, { json, shape: nothing }),
  };
}

/** What is done with one server. */
function controlsOf(request: Request) {
  return {
    suspend: (id: number) => request('POST', `/servers/${id}/suspend`, { shape: nothing }),
    unsuspend: (id: number) => request('POST', `/servers/${id}/unsuspend`, { shape: nothing }),
    power: (id: number, verb: 'boot' | 'shutdown' | 'restart' | 'poweroff') =>
      request('POST', `/servers/${id}/power/${verb}`, { shape: nothing }),
    /** VirtFusion makes the password itself. */
    resetPassword: async (id: number, user: 'root' | 'Administrator'): Promise<string> => {
      const { expectedPassword } = await request('POST', `/servers/${id}/resetPassword`, {
        json: { user, sendMail: false },
        shape: dataOf(z.looseObject({ expectedPassword: z.string().min(1) })),
      });
      return expectedPassword;
    },
    traffic: (id: number) =>
      request('GET', `/servers/${id}/traffic`, { shape: dataOf(trafficShape) }),
    openVnc: (id: number) =>
      request('POST', `/servers/${id}/vnc`, {
        json: { action: 'enable' },
        shape: dataOf(vncShape),
      }),
  };
}
