// What the panel does with orders: its checks, its jobs, its races.
// Source: app/Http/Controllers/Admin and app/Services/Servers of ConvoyPanel/panel 4.6.

import { randomUUID } from 'node:crypto';

import { Refusal } from '../../contract/vendor.ts';
import { validate } from '../laravel.ts';
import type { Lookup, Problem, Rules } from '../laravel.ts';
import * as rules from './rules.ts';
import { allocated } from './state.ts';
import type { FakeServer, FakeUser, State } from './state.ts';

/** What a test may break. */
export type Controls = {
  isProxmoxDown: boolean;
  /** Runs between the check of the next order and its being carried out. */
  afterCheck: (() => void) | undefined;
};

/** A refusal in the panel's shape. */
export const problem = (status: number, message: string): Refusal =>
  new Refusal(status, { message });

const MIB = 1_048_576;
const inMib = (bytes: number): number => Math.floor(bytes / MIB) * MIB;
const BUSY = 'This server is currently in an unsupported status, please try again later.';

/** The panel's services over a state. */
export function createOperations(state: State, controls: Controls) {
  const { servers, users, addresses, nodes, groups } = state;
  const lookup: Lookup = {
    'exists:users,id': (id) => users.has(Number(id)),
    'exists:nodes,id': (id) => nodes.some((each) => each.id === Number(id)),
    'exists:ip_addresses,id': (id) => addresses.has(Number(id)),
    'exists:templates,uuid': (uuid) =>
      groups.some(({ templates }) => templates.some((each) => each.uuid === uuid)),
    password: (text) => rules.PASSWORD.test(String(text)),
    us_keyboard: (text) => rules.US_KEYBOARD.test(String(text)),
  };

  const check = (data: unknown, wanted: Rules, more: readonly Problem[] = [], own: Lookup = {}) => {
    const problems = [...validate(data, wanted, { ...lookup, ...own }), ...more];
    const [first] = problems;
    if (first === undefined) return;
    const errors: Record<string, string[]> = {};
    for (const { field, message } of problems) (errors[field] ??= []).push(message);
    const others = problems.length - 1;
    const tail = others === 0 ? '' : ` (and ${others} more error${others > 1 ? 's' : ''})`;
    throw new Refusal(422, { message: first.message + tail, errors });
  };

  /** What the panel looks at after its rules: addresses in use, room on the node. */
  const afterRules = (
    nodeId: number,
    {
      ids,
      memory,
      disk,
      self,
      prefix,
    }: { ids: readonly number[]; memory: number; disk: number; self?: FakeServer; prefix: string },
  ): Problem[] => {
    const found: Problem[] = [];
    const isUsed = (id: number) => {
      const owner = addresses.get(id)?.server ?? null;
      return owner !== null && owner !== self?.uuid;
    };
    const say = (field: string, message: string) =>
      found.push({ field: `${prefix}${field}`, rule: 'after', message });
    if (ids.some(isUsed))
      say('address_ids', 'One or more of the selected addresses are already in use');
    const node = nodes.find(({ id }) => id === nodeId);
    if (node === undefined) return found;
    for (const [kind, asked] of [
      ['memory', memory],
      ['disk', disk],
    ] as const) {
      const whole = node[kind] * (1 + node[`${kind}_overallocate`] / 100);
      const left = whole - allocated(state, nodeId, kind) + (self?.[kind] ?? 0);
      if (asked > left) say(kind, `The ${kind} value exceeds the node's limit.`);
    }
    return found;
  };

  /** Those that are taken, or not in a pool of the node, are left out without a word. */
  const attach = (server: FakeServer, ids: readonly number[]) => {
    for (const id of ids) {
      const each = addresses.get(id);
      if (each?.server === null && each.node === server.node_id) each.server = server.uuid;
    }
  };

  const race = () => {
    const act = controls.afterCheck;
    controls.afterCheck = undefined;
    act?.();
  };

  return {
    store(json: any): FakeServer {
      const limits = json?.limits ?? {};
      const ids: number[] = limits.address_ids ?? [];
      const { memory, disk } = limits;
      check(
        json,
        rules.STORE_SERVER,
        afterRules(json.node_id, { ids, memory, disk, prefix: 'limits.' }),
      );
      const home = groups.find(({ templates }) =>
        templates.some(({ uuid }) => uuid === json.template_uuid),
      );
      if (home?.node !== Number(json.node_id))
        throw problem(400, 'This template is inaccessible to the specified node');
      race();
      const server: FakeServer = {
        internal_id: Math.max(0, ...[...servers.values()].map((each) => each.internal_id)) + 1,
        uuid: randomUUID(),
        node_id: json.node_id,
        user_id: json.user_id,
        vmid: json.vmid ?? 100 + servers.size,
        name: json.name,
        hostname: json.hostname,
        status: 'installing',
        cpu: limits.cpu,
        memory: inMib(memory),
        disk: inMib(disk),
        snapshots: limits.snapshots,
        backups: limits.backups,
        bandwidth: limits.bandwidth === null ? null : inMib(limits.bandwidth),
        bandwidth_usage: 0,
        template: json.template_uuid,
        password: json.account_password,
        isStarted: json.start_on_completion,
        work: 'build',
      };
      servers.set(server.uuid, server);
      attach(server, ids);
      return server;
    },

    build(server: FakeServer, json: any): void {
      const ids: number[] = json.address_ids ?? [];
      const { memory, disk } = json;
      const more = afterRules(server.node_id, { ids, memory, disk, self: server, prefix: '' });
      check(json, rules.UPDATE_BUILD, more);
      race();
      server.cpu = json.cpu;
      server.memory = inMib(memory);
      server.disk = inMib(disk);
      server.snapshots = json.snapshot_limit;
      server.backups = json.backup_limit;
      server.bandwidth = json.bandwidth_limit === null ? null : inMib(json.bandwidth_limit);
      if (json.bandwidth_usage !== undefined) server.bandwidth_usage = json.bandwidth_usage;
      attach(server, ids);
      for (const each of addresses.values())
        if (each.server === server.uuid && !ids.includes(each.id)) each.server = null;
    },

    info(server: FakeServer, json: any): void {
      check(json, rules.UPDATE_INFO);
      Object.assign(server, json);
    },

    toggle(server: FakeServer, isSuspending: boolean): void {
      if (isSuspending === (server.status === 'suspended')) return;
      const before = isSuspending ? null : 'suspended';
      server.status = isSuspending ? 'suspended' : null;
      if (!controls.isProxmoxDown) return;
      server.status = before;
      throw problem(500, 'Server Error');
    },

    /** Removes it by jobs, or from the panel alone. */
    remove(server: FakeServer, { isPurged }: { isPurged: boolean }): void {
      if (!isPurged) return forget(server);
      server.status = 'deleting';
      server.work = 'delete';
    },

    /** Lets all jobs come to their end. */
    finish({ isFailed }: { isFailed: boolean }): void {
      for (const server of servers.values()) {
        const { work } = server;
        server.work = undefined;
        // The last job of a build clears the status, whatever it is by then.
        if (work === 'build') server.status = isFailed ? 'install_failed' : null;
        else if (work === 'delete' && isFailed) server.status = 'deletion_failed';
        else if (work === 'delete') forget(server);
      }
    },

    /** The panel's middleware: nothing is done with a server that is going. */
    requireStaying({ status }: FakeServer): void {
      if (status === 'deleting' || status === 'deletion_failed') throw problem(409, BUSY);
    },

    storeUser(json: any): FakeUser {
      check(json, rules.STORE_USER, [], { 'unique:users,email': isNewEmail() });
      const id = Math.max(0, ...users.keys()) + 1;
      const { name, email, password, root_admin = false } = json;
      const user = { id, name, email, password, root_admin };
      users.set(id, user);
      return user;
    },

    updateUser(user: FakeUser, json: any): void {
      check(json, rules.UPDATE_USER, [], { 'unique:users,email': isNewEmail(user) });
      const { name, email, root_admin, password } = json;
      // Whoever leaves the flag out sets it to null, which its column does not take.
      if (root_admin === undefined) throw problem(500, 'Server Error');
      Object.assign(user, { name, email, root_admin, ...(password == null ? {} : { password }) });
    },

    removeUser({ id }: FakeUser): void {
      if ([...servers.values()].some((each) => each.user_id === id))
        throw problem(400, 'The user cannot be deleted with servers still associated.');
      users.delete(id);
    },
  };

  function isNewEmail(self?: FakeUser) {
    return (email: unknown) =>
      [...users.values()].every(
        (each) => each === self || each.email.toLowerCase() !== String(email).toLowerCase(),
      );
  }

  function forget({ uuid }: FakeServer): void {
    servers.delete(uuid);
    for (const each of addresses.values()) if (each.server === uuid) each.server = null;
  }
}
