// What the panel does with orders: its services, their order of checks and their races.
// Source: app/Services/Servers, Deployment and Users of pterodactyl/panel 1.11.

import { randomUUID } from 'node:crypto';

import { Refusal } from '../../contract/vendor.ts';
import { validate } from '../laravel.ts';
import type { Lookup, Rules } from '../laravel.ts';
import * as rules from './rules.ts';
import type { FakeAllocation, FakeNode, FakeServer, FakeUser, State } from './state.ts';

type Controls = { isWingsDown: boolean; afterCheck: (() => void) | undefined };
type Room = {
  readonly memory: number;
  readonly disk: number;
  readonly locations: readonly number[];
};

/** A refusal in the panel's shape. */
export function problem(status: number, code: string, detail: string): Refusal {
  return new Refusal(status, { errors: [{ code, status: String(status), detail }] });
}

/** Throws the panel's 422 for what the rules refuse. */
export function check(data: unknown, wanted: Rules, lookup: Lookup = {}): void {
  const problems = validate(data, wanted, lookup);
  if (problems.length === 0) return;
  throw new Refusal(422, {
    errors: problems.map(({ field, rule, message }) => ({
      code: 'ValidationException',
      status: '422',
      detail: message,
      meta: { source_field: field, rule },
    })),
  });
}

/** The panel's services over a state. */
export function createOperations(state: State, controls: Controls) {
  const { servers, users, allocations, nodes, eggs } = state;
  const isFree = (id: unknown) => allocations.get(Number(id))?.server === null;
  const lookup: Lookup = {
    'exists:users,id': (id) => users.has(Number(id)),
    'exists:eggs,id': (id) => eggs.some((each) => each.id === Number(id)),
    'exists:allocations,id': (id) => allocations.has(Number(id)),
    'exists:free': isFree,
    'unique:servers': (id) => [...servers.values()].every((each) => each.external_id !== id),
    p_username: (name) => rules.USERNAME.test(String(name).toLowerCase()),
  };

  const wings = () => {
    if (!controls.isWingsDown) return;
    const detail = 'Could not establish a connection to the machine running this server.';
    throw problem(504, 'DaemonConnectionException', detail);
  };

  const variablesOf = (eggId: number, environment: Readonly<Record<string, unknown>>) => {
    const variables = eggs.find(({ id }) => id === eggId)?.variables ?? [];
    const given = Object.fromEntries(
      variables.map(({ env_variable: name }) => [name, environment[name] ?? null]),
    );
    const wanted = variables.map((each) => [`environment.${each.env_variable}`, each.rules]);
    check({ environment: given }, Object.fromEntries(wanted));
    return given as Record<string, string | null>;
  };

  const sum = (node: FakeNode, kind: 'memory' | 'disk') =>
    [...servers.values()]
      .filter((each) => each.node === node.id)
      .reduce((total, { limits }) => total + Number(limits[kind]), 0);

  const viableNodes = ({ memory, disk, locations }: Room): FakeNode[] => {
    const found = nodes.filter(
      (node) =>
        node.public &&
        (locations.length === 0 || locations.includes(node.location_id)) &&
        sum(node, 'memory') + memory <= node.memory * (1 + node.memory_overallocate / 100) &&
        sum(node, 'disk') + disk <= node.disk * (1 + node.disk_overallocate / 100),
    );
    if (found.length > 0) return found;
    const detail =
      'No nodes satisfying the requirements specified for automatic deployment could be found.';
    throw problem(400, 'NoViableNodeException', detail);
  };

  const deploy = ({ deploy: wish, limits }: any): FakeAllocation => {
    const room = { memory: limits.memory, disk: limits.disk, locations: wish.locations };
    const there = viableNodes(room).map(({ id }) => id);
    const used = new Set(
      [...allocations.values()].filter(({ server }) => server !== null).map(({ ip }) => ip),
    );
    const found = [...allocations.values()].find(
      ({ node, ip, port, server }) =>
        server === null &&
        there.includes(node) &&
        (!wish.dedicated_ip || !used.has(ip)) &&
        (wish.port_range.length === 0 ||
          wish.port_range.some((range: string) => {
            const [from = 0, to = from] = range.split('-').map(Number);
            return port >= from && port <= to;
          })),
    );
    if (found !== undefined) return found;
    const detail =
      'No allocations satisfying the requirements for automatic deployment were found.';
    throw problem(400, 'NoViableAllocationException', detail);
  };

  return {
    viableNodes,

    store(json: any): number {
      check(json, rules.STORE_SERVER, lookup);
      check(json, json.deploy ? rules.STORE_DEPLOYED : rules.STORE_CHOSEN, lookup);
      const main = json.deploy ? deploy(json).id : Number(json.allocation.default);
      const environment = variablesOf(json.egg, json.environment);
      const act = controls.afterCheck;
      controls.afterCheck = undefined;
      act?.();
      const isTaken = [...servers.values()].some((each) => each.allocation === main);
      if (isTaken) {
        const said = '{"allocation_id":["The allocation id has already been taken."]}';
        const detail = `Could not save Pterodactyl\\Models\\Server[]: failed to validate data: ${said}`;
        throw problem(500, 'DataValidationException', detail);
      }
      const id = Math.max(0, ...servers.keys()) + 1;
      const { external_id = null, name, user, egg, startup, docker_image: image, limits } = json;
      const { feature_limits, skip_scripts = false, oom_disabled = true } = json;
      const node = allocations.get(main)?.node ?? 0;
      // Here nothing looks whether the additional ones are still free.
      for (const each of [main, ...(json.allocation?.additional ?? [])]) {
        const allocation = allocations.get(Number(each));
        if (allocation !== undefined) allocation.server = id;
      }
      const server: FakeServer = {
        id,
        uuid: randomUUID(),
        external_id,
        name,
        status: 'installing',
        user,
        node,
        allocation: main,
        egg,
        startup,
        image,
        skip_scripts,
        limits,
        oom_disabled,
        feature_limits,
        environment,
      };
      servers.set(id, server);
      try {
        wings();
      } catch (error) {
        this.remove(server, { isForced: true });
        throw error;
      }
      return id;
    },

    act(server: FakeServer, act: string): void {
      const wanted = act === 'suspend' ? 'suspended' : null;
      if (act !== 'reinstall' && (server.status === 'suspended') === (act === 'suspend')) return;
      wings();
      server.status = act === 'reinstall' ? 'installing' : wanted;
    },

    build(server: FakeServer, json: any): void {
      check(json, rules.UPDATE_BUILD, lookup);
      const { add_allocations: added = [], remove_allocations: removed = [], allocation } = json;
      for (const id of added) {
        const each = allocations.get(id);
        // One that is taken, or on another node, is left out without a word.
        if (each?.server === null && each.node === server.node) each.server = server.id;
      }
      for (const id of removed) {
        const each = allocations.get(id);
        if (each?.server === server.id && !added.includes(id)) each.server = null;
      }
      if (allocation !== server.allocation && allocations.get(allocation)?.server !== server.id) {
        const detail = 'The requested default allocation is not currently assigned to this server.';
        throw problem(400, 'DisplayException', detail);
      }
      server.allocation = allocation;
      if (json.limits !== undefined) server.limits = json.limits;
      if (json.oom_disabled !== undefined) server.oom_disabled = json.oom_disabled;
      server.feature_limits = json.feature_limits;
    },

    startup(server: FakeServer, json: any): void {
      check(json, rules.UPDATE_STARTUP, lookup);
      server.environment = { ...server.environment, ...variablesOf(json.egg, json.environment) };
      const { startup, egg, image, skip_scripts } = json;
      Object.assign(server, { startup, egg, image, skip_scripts });
    },

    remove(server: FakeServer, { isForced }: { isForced: boolean }): void {
      if (!isForced) wings();
      servers.delete(server.id);
      for (const each of allocations.values()) if (each.server === server.id) each.server = null;
    },

    storeUser(json: any): FakeUser {
      checkUser(json);
      const id = Math.max(0, ...users.keys()) + 1;
      const { email, username, first_name, last_name, root_admin = false } = json;
      const user = {
        id,
        email,
        username: username.toLowerCase(),
        first_name,
        last_name,
        root_admin,
      };
      users.set(id, user);
      return user;
    },

    updateUser(user: FakeUser, json: any): FakeUser {
      checkUser(json, user);
      const { email, username, first_name, last_name, password } = json;
      return Object.assign(user, {
        email,
        username,
        first_name,
        last_name,
        ...(password ? { password } : {}),
      });
    },
  };

  function checkUser(json: unknown, self?: FakeUser): void {
    const others = [...users.values()].filter((each) => each !== self);
    const isNew = (name: 'email' | 'username') => (value: unknown) =>
      others.every((each) => each[name].toLowerCase() !== String(value).toLowerCase());
    const unique = {
      'unique:users,email': isNew('email'),
      'unique:users,username': isNew('username'),
    };
    check(json, rules.STORE_USER, { ...lookup, ...unique });
  }
}
