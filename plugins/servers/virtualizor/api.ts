// The admin API of Virtualizor as this extension uses it.
// Sources: virtualizor.com/docs/admin-api and the clients that the README names.

import { originOf, z } from 'cofferdam/sdk';

import { openPort } from './acts.ts';
import type { Port, Values } from './acts.ts';
import type { VirtualizorContext } from './config.ts';
import { PLANS, readList, TASKS, USERS, VPSES } from './lists.ts';
import {
  listOf,
  mapOf,
  osListShape,
  serverGroupShape,
  statusShape,
  tokenShape,
  vncShape,
  vpsShape,
} from './shapes.ts';
import type { Vps } from './shapes.ts';

/** The API of one master. */
export type Virtualizor = ReturnType<typeof connect>;

/** Connects with the config of the instance; nothing is sent yet. */
export function connect(ctx: VirtualizorContext) {
  const admin = openPort(ctx, ctx.config.port);
  const customers = openPort(ctx, ctx.config.clientPort);
  return {
    ...catalogOf(admin),
    ...peopleOf(admin),
    ...serversOf(admin),
    /** One-time parts of a login link; the customers' port makes them. */
    loginToken: (vpsid: string) =>
      customers.get('sso', { query: { svs: vpsid }, shape: tokenShape }),
  };
}

/** The address of a login link, from what `loginToken` gave. */
export function loginUrlOf(
  { host, clientPort }: VirtualizorContext['config'],
  vpsid: string,
  { token_key, sid }: z.output<typeof tokenShape>,
): string {
  const query = new URLSearchParams({ as: sid, svs: vpsid });
  return `${originOf({ host, port: clientPort })}/${token_key}/?${query.toString()}`;
}

const nothing = z.looseObject({});

/** What can be sold. */
function catalogOf({ get }: Port) {
  return {
    plans: () => readList(get, PLANS),
    /** Templates by kind of virtualization. */
    osList: () => get('os', { shape: osListShape }),
    serverGroups: () => get('servergroups', { shape: listOf('servergroups', serverGroupShape) }),
  };
}

/** Customers. */
function peopleOf({ get, post }: Port) {
  return {
    /** Virtualizor compares parts of addresses: the caller compares the whole. */
    users: (email: string) => readList(get, USERS, { email }),
    addUser: async (form: Values): Promise<string> => {
      const { done } = await post('adduser', {
        form: { adduser: 1, priority: 0, ...form },
        shape: z.looseObject({ done: z.union([z.string(), z.number()]).transform(String) }),
      });
      return done;
    },
  };
}

/** What is done with virtual servers. */
function serversOf({ get, post, ask }: Port) {
  return {
    vpses: (query: Values = {}) => readList(get, VPSES, query),
    addVps: async (form: Values): Promise<Vps> => {
      const shape = z.looseObject({ newvs: vpsShape });
      const { newvs } = await post('addvs', {
        form: { addvps: 1, node_select: 1, ...form },
        shape,
      });
      return newvs;
    },
    /** Changes what the form names; `theme_edit` leaves the rest as it is. */
    manage: (vpsid: string, form: Values) =>
      post('managevps', {
        query: { vpsid },
        form: { editvps: 1, theme_edit: 1, vpsid, ...form },
        shape: nothing,
      }),
    rebuild: (vpsid: string, osid: string, password: string) =>
      post('rebuild', {
        form: { vpsid, reos: 1, osid, newpass: password, conf: password },
        shape: nothing,
      }),
    act: (vpsid: string, verb: 'suspend' | 'unsuspend' | 'delete' | 'bwreset') =>
      post('vs', { query: { [verb]: vpsid }, shape: nothing }),
    power: (vpsid: string, action: 'start' | 'stop' | 'restart' | 'poweroff') =>
      post('vs', { query: { action, vpsid }, shape: nothing }),
    status: (vpsid: string) =>
      get('vs', {
        query: { vs_status: vpsid },
        shape: z.looseObject({ status: mapOf(statusShape) }),
      }),
    tasks: (vpsid: string) => readList(get, TASKS, { vpsid }),
    vnc: async (vpsid: string) => {
      const form = { novnc: vpsid };
      return (await ask('vnc', { query: form, form, shape: vncShape })).info;
    },
  };
}
