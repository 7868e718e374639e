// A VirtFusion control server on loopback: customers by relation, servers that are made empty and built
// by a queue, refusals in Laravel's shapes. Time is counted in looks at a server, never in milliseconds.

import { Refusal, startVendor } from '../../contract/vendor.ts';
import type { Vendor, VendorReply, VendorRequest } from '../../contract/vendor.ts';
import { DOCUMENTATION, noteJudged } from '../oracle.ts';
import { notFound, ok, pageOf, showServer, TEMPLATES, TRAFFIC } from './objects.ts';
import type { FakeServer, FakeUser } from './objects.ts';
import { matchRequest } from './rules.ts';

/** The token that the fake knows. */
export const API_TOKEN = '1|vfTok3nQ8mZpW4xR7sLcJ2hYbN6gDf';

/** What a test may look at and change. */
export type FakeVirtFusion = Vendor & {
  readonly servers: Map<number, FakeServer>;
  readonly users: Map<number, FakeUser>;
  readonly keys: { id: number; userId: number; publicKey: string }[];
  readonly packages: {
    id: number;
    name: string;
    enabled: boolean;
    memory: number;
    primaryStorage: number;
  }[];
  /** Looks that work begun from now on needs. */
  queueLooks: number;
  isBuildFailing: boolean;
  /** IPv4 addresses that are left. */
  freeIpv4: number;
  /** What a login link is made of; VirtFusion gives a path, some versions a whole address. */
  loginEndpoint: string;
  addUser(user: Partial<FakeUser> & { email: string }): FakeUser;
  addServer(server: Partial<FakeServer> & { ownerId: number }): FakeServer;
  finishQueue(): void;
};

/** Starts a control server with three packages and 230 hypervisor groups. */
export async function startFakeVirtFusion(): Promise<FakeVirtFusion> {
  let nextId = 60;
  const newId = (): number => (nextId += 1);
  const pack = (id: number, name: string, [memory, primaryStorage]: readonly [number, number]) => ({
    id,
    name,
    enabled: true,
    memory,
    primaryStorage,
  });
  const groups = Array.from({ length: 230 }, (_, index) => ({
    id: index + 1,
    name: `Group ${index + 1}`,
    enabled: index !== 1,
  }));

  const state = {
    servers: new Map<number, FakeServer>(),
    users: new Map<number, FakeUser>(),
    keys: [] as FakeVirtFusion['keys'],
    packages: [
      pack(1, 'Starter', [1024, 20]),
      pack(2, 'Pro', [4096, 80]),
      { ...pack(3, 'Old', [512, 10]), enabled: false },
    ],
    queueLooks: 1,
    isBuildFailing: false,
    freeIpv4: 1_000,
    loginEndpoint: '/login/token/abc/def?server=1',
    addUser(user: Partial<FakeUser> & { email: string }): FakeUser {
      const id = newId();
      const made = {
        id,
        name: 'Somebody',
        extRelationId: null,
        relStr: null,
        admin: false,
        ...user,
      };
      state.users.set(id, made);
      return made;
    },
    addServer(server: Partial<FakeServer> & { ownerId: number }): FakeServer {
      const made: FakeServer = {
        id: newId(),
        packageId: 1,
        groupId: 1,
        ipv4: 1,
        memory: 1024,
        storage: 20,
        name: '',
        hostname: null,
        osId: 0,
        sshKeys: [],
        built: null,
        buildFailed: false,
        suspended: false,
        protected: false,
        state: 'stopped',
        password: '',
        looks: 0,
        finish: () => undefined,
        mails: 0,
        ...server,
      };
      state.servers.set(made.id, made);
      return made;
    },
    finishQueue(): void {
      for (const server of state.servers.values()) while (server.looks > 0) look(server);
    },
  };

  function look(server: FakeServer): void {
    if (server.looks === 0) return;
    server.looks -= 1;
    if (server.looks === 0) server.finish();
  }
  function enqueue(server: FakeServer, finish: () => void): void {
    Object.assign(server, { looks: state.queueLooks, finish });
    if (server.looks === 0) finish();
  }

  function handle(request: VendorRequest): VendorReply {
    if (request.headers['authorization'] !== `Bearer ${API_TOKEN}`)
      throw new Refusal(401, { message: 'Unauthenticated' });
    noteJudged('servers/virtfusion', DOCUMENTATION);
    const { name, parts } = matchRequest(request);
    const handler = ROUTES[name];
    if (handler === undefined) throw new Error(`The fake has no route "${name}"`);
    return handler(parts, { query: request.query, json: request.json ?? {} });
  }

  type Route = (
    parts: readonly string[],
    input: { query: URLSearchParams; json: any },
  ) => VendorReply;
  const ROUTES: Readonly<Record<string, Route>> = {
    'GET connect': () => ok({ success: true, message: 'Connection successful' }),
    'GET packages': () => ok({ data: state.packages }),
    'GET groups': (_parts, { query }) => ok(pageOf(groups, query)),
    'GET templates': ([packageId]) => {
      if (!state.packages.some(({ id }) => id === Number(packageId))) throw notFound();
      return ok({ data: TEMPLATES });
    },
    'GET user': ([relation = ''], { query }) => {
      const found = findUser(relation, query);
      if (found === undefined) throw notFound();
      return ok({ data: found });
    },
    'POST users': (_parts, { json }) => {
      const errors: Record<string, string[]> = {};
      for (const user of state.users.values()) {
        if (user.email.toLowerCase() === json.email.toLowerCase())
          errors['email'] = ['The email has already been taken.'];
        if (json.extRelationId !== undefined && user.extRelationId === json.extRelationId)
          errors['extRelationId'] = ['The ext relation id has already been taken.'];
      }
      if (Object.keys(errors).length > 0)
        throw new Refusal(422, { message: 'The given data was invalid.', errors });
      const { sendMail: _mail, ...user } = json;
      return {
        status: 201,
        json: { data: { ...state.addUser(user), password: 'made-by-vf-8Xq2' } },
      };
    },
    'POST login': ([relation = '', id], { query }) => {
      const user = findUser(relation, query);
      const server = state.servers.get(Number(id));
      if (user === undefined || server?.ownerId !== user.id) throw notFound();
      const expiry = { ttl: 60, expires: '2026-11-25T12:01:00Z' };
      const tokens = { 1: 'abc', 2: 'def' };
      const endpoint = '/login/token';
      const endpoint_complete = state.loginEndpoint;
      return ok({ data: { authentication: { tokens, endpoint, endpoint_complete, expiry } } });
    },
    'GET keys': ([userId]) =>
      ok({ data: state.keys.filter((key) => key.userId === Number(userId)) }),
    'POST keys': (_parts, { json }) => {
      const key = { id: newId(), userId: json.userId, publicKey: json.publicKey };
      state.keys.push(key);
      return { status: 201, json: { data: { id: key.id, name: json.name } } };
    },
    'GET servers': (_parts, { query }) => {
      const all = [...state.servers.values()].map(({ id, name, suspended, ownerId }) => ({
        id,
        name,
        commissioned: 3,
        owner: ownerId,
        suspended,
      }));
      return ok(pageOf(all, query));
    },
    'GET owned': ([userId]) => {
      if (!state.users.has(Number(userId))) throw notFound();
      const own = [...state.servers.values()].filter(({ ownerId }) => ownerId === Number(userId));
      return ok({ data: own.map(({ id, ownerId, name }) => ({ id, ownerId, name })) });
    },
    'GET server': ([id]) => {
      const server = find(id);
      look(server);
      if (!state.servers.has(server.id)) throw notFound();
      return ok({ data: shown(server) });
    },
    'POST servers': (_parts, { query, json }) => order(json, query.get('dryRun') === 'true'),
    'DELETE server': ([id]) => {
      const server = idle(id);
      if (server.protected) throw new Refusal(422, { errors: ['The server is protected.'] });
      enqueue(server, () => void state.servers.delete(server.id));
      return { status: 204 };
    },
    'POST build': ([id], { json }) => {
      const server = idle(id);
      const known = TEMPLATES.flatMap(({ templates }) => templates).map((each) => each.id);
      if (!known.includes(json.operatingSystemId))
        throw new Refusal(422, { errors: { operatingSystemId: ['The template is invalid.'] } });
      const isFailing = state.isBuildFailing;
      server.name = json.name ?? server.name;
      server.hostname = json.hostname ?? server.hostname;
      server.sshKeys = json.sshKeys ?? [];
      enqueue(server, () => {
        server.buildFailed = isFailing;
        if (isFailing) return;
        Object.assign(server, {
          built: '2026-11-25T12:00:00Z',
          osId: json.operatingSystemId,
          state: 'running',
          password: `built-${newId()}`,
          mails: server.mails + (json.email === true ? 1 : 0),
        });
      });
      return ok({ data: shown(server) });
    },
    'PUT package': ([id, packageId]) => {
      const server = idle(id);
      const wanted = state.packages.find((each) => each.id === Number(packageId));
      if (wanted === undefined) throw notFound();
      if (wanted.primaryStorage < server.storage)
        throw new Refusal(422, { errors: ['The disk cannot shrink.'] });
      server.packageId = wanted.id;
      server.memory = wanted.memory;
      server.storage = wanted.primaryStorage;
      return ok({ info: [] });
    },
    'POST suspend': ([id]) => {
      Object.assign(idle(id), { suspended: true, state: 'stopped' });
      return { status: 204 };
    },
    'POST unsuspend': ([id]) => {
      idle(id).suspended = false;
      return { status: 204 };
    },
    'POST power': ([id, verb = '']) => {
      const server = idle(id);
      server.state = verb === 'boot' || verb === 'restart' ? 'running' : 'stopped';
      return ok({ data: { queueId: newId() } });
    },
    'POST resetPassword': ([id], { json }) => {
      const server = idle(id);
      if (server.built === null) throw new Refusal(422, { errors: ['The server is not built.'] });
      const isWindows = server.osId === 41;
      if ((json.user === 'Administrator') !== isWindows)
        throw new Refusal(422, { errors: { user: ['There is no such user.'] } });
      server.password = `reset-${newId()}-Qw7`;
      return ok({ data: { queueId: newId(), expectedPassword: server.password } });
    },
    'GET traffic': ([id]) => {
      find(id);
      return ok({ data: { monthly: TRAFFIC } });
    },
    'POST vnc': ([id]) => {
      find(id);
      const wss = { token: 'abc-123', url: 'wss://cp.example.com/vnc' };
      const vnc = {
        ip: '192.0.2.9',
        hostname: null,
        port: 5901,
        password: 'vncpw',
        wss,
        enabled: true,
      };
      return ok({ data: { vnc, queueId: null } });
    },
  };

  function order(json: Record<string, number>, isTrial: boolean): VendorReply {
    const errors: string[] = [];
    const wanted = state.packages.find(({ id, enabled }) => id === json['packageId'] && enabled);
    const ipv4 = json['ipv4'] ?? 1;
    if (wanted === undefined) errors.push('The package is invalid.');
    if (!state.users.has(json['userId'] ?? 0)) errors.push('The user is invalid.');
    if (!groups.some(({ id, enabled }) => id === json['hypervisorId'] && enabled))
      errors.push('The hypervisor group is invalid.');
    if (state.freeIpv4 < ipv4) errors.push('There are not enough IPv4 addresses available.');
    if (wanted === undefined || errors.length > 0) throw new Refusal(422, { errors });
    if (isTrial) return ok({ data: [] });
    state.freeIpv4 -= ipv4;
    const server = state.addServer({
      ownerId: json['userId'] ?? 0,
      packageId: wanted.id,
      groupId: json['hypervisorId'] ?? 0,
      ipv4,
      memory: wanted.memory,
      storage: wanted.primaryStorage,
    });
    return { status: 201, json: { data: shown(server) } };
  }

  function findUser(relation: string, query: URLSearchParams): FakeUser | undefined {
    const isText = query.get('relStr') === 'true';
    return [...state.users.values()].find((user) =>
      isText ? user.relStr === relation : user.extRelationId === Number(relation),
    );
  }

  function find(id: string | undefined): FakeServer {
    const server = state.servers.get(Number(id));
    if (server === undefined) throw notFound();
    return server;
  }

  /** VirtFusion takes no order for a server while its queue works on it. */
  function idle(id: string | undefined): FakeServer {
    const server = find(id);
    if (server.looks > 0) throw new Refusal(423, { message: 'The server is locked.' });
    return server;
  }

  const shown = (server: FakeServer): unknown =>
    showServer(server, state.users.get(server.ownerId));

  const vendor = await startVendor(handle);
  return Object.assign(state, vendor);
}
