// A Plesk server on loopback: customers, sites with a plan and a system user, and the utilities behind
// its REST API. Every request is held against Plesk's own description where that is present.

import { Refusal, startVendor } from '../../contract/vendor.ts';
import type { Vendor, VendorReply, VendorRequest } from '../../contract/vendor.ts';
import { createOpenApiCheck, readOpenApi } from '../openapi.ts';
import { DOCUMENTATION } from '../oracle.ts';
import { runUtility } from './commands.ts';
import { RULES } from './rules.ts';
import type { FakeClient, FakeDomain, State } from './state.ts';

/** What the fake lets in. */
export const API_KEY = 'c5b239d1-8eb6-8cee-76b7-aa16be37fee8';
export const LOGIN = 'admin';
export const PASSWORD = 'Str0ng!passw0rd';

/** Plesk's own description; undefined where the shared folder is absent. */
export const SPEC = readOpenApi('plesk.json');

/** The fake and what a test may change. */
export type FakePlesk = Vendor & State & { addClient(email: string, more?: object): FakeClient };

const UNAUTHORIZED = { code: 401, message: 'You should be authenticated' };

/** Starts a server with two plans, one customer of somebody else and no site. */
export async function startFakePlesk(): Promise<FakePlesk> {
  const check = createOpenApiCheck(
    'servers/plesk',
    { [SPEC === undefined ? DOCUMENTATION : 'plesk.json']: SPEC ?? RULES },
    '/api/v2',
  );
  const state: State = {
    clients: new Map(),
    domains: new Map(),
    plans: ['Starter', 'Business'],
    commands: ['admin', 'customer', 'service_plan', 'subscription'],
    synced: [],
    links: 0,
  };
  let lastId = 6;

  function addClient(email: string, more: object = {}): FakeClient {
    lastId += 1;
    const client = {
      id: lastId,
      guid: guidOf(lastId),
      name: email,
      login: `customer${lastId}`,
      email,
      external_id: '',
      description: '',
      type: 'customer',
      password: 'unknown',
      ...more,
    };
    state.clients.set(client.id, client);
    return client;
  }

  function handle(request: VendorRequest): VendorReply {
    const { headers, method, path, query, json } = request;
    const basic = `Basic ${btoa(`${LOGIN}:${PASSWORD}`)}`;
    if (headers['x-api-key'] !== API_KEY && headers['authorization'] !== basic) {
      throw new Refusal(401, UNAUTHORIZED);
    }
    const problems = check(request);
    if (problems.length > 0) throw new Refusal(400, { code: 400, message: problems.join('; ') });
    const [, first = '', id = '', rest = ''] =
      /^\/api\/v2\/(\w+)\/?([^/]*)\/?(.*)$/.exec(path) ?? [];
    const at = `${method} /${first}${id === '' ? '' : '/*'}${rest === '' ? '' : `/${rest}`}`;
    const reply = (body: unknown, status = 200): VendorReply => ({ status, json: body });
    switch (at) {
      case 'GET /server':
        return reply({
          platform: 'Unix',
          hostname: 'srv7.provider.example',
          panel_version: '18.0.70',
        });
      case 'GET /server/*':
        return reply([
          { ipv4: '203.0.113.7', netmask: '255.255.255.0', interface: 'eth0', type: 'shared' },
        ]);
      case 'GET /cli/*':
        return reply(state.commands);
      case 'POST /cli/*/call': {
        const result = runUtility(state, id, json);
        if (result === undefined)
          throw new Refusal(404, { code: 404, message: 'Command not found' });
        return reply(result);
      }
      case 'GET /clients':
        return reply([...state.clients.values()].map(showClient));
      case 'POST /clients':
        return reply(createClient(json), 201);
      case 'GET /clients/*/domains':
        return reply(
          [...state.domains.values()]
            .filter(({ clientId }) => clientId === clientOf(id).id)
            .map(showDomain),
        );
      case 'GET /clients/*':
        return reply(showClient(clientOf(id)));
      case 'PUT /clients/*':
        assertLogin(json.login, Number(id));
        Object.assign(clientOf(id), json);
        return reply({ id: Number(id), guid: guidOf(Number(id)) });
      case 'DELETE /clients/*':
        return reply(removeClient(id));
      case 'GET /domains':
        return reply(
          [...state.domains.values()]
            .filter(({ name }) => !query.has('name') || name === query.get('name'))
            .map(showDomain),
        );
      case 'POST /domains':
        return reply(createDomain(json), 201);
      case 'GET /domains/*':
        return reply(showDomain(domainOf(id)));
      case 'DELETE /domains/*':
        state.domains.delete(domainOf(id).id);
        return reply({ id: Number(id), guid: guidOf(Number(id)) });
      case 'GET /domains/*/client':
        return reply(showClient(clientOf(String(domainOf(id).clientId))));
      case 'GET /domains/*/status':
        return reply({ status: domainOf(id).status });
      case 'PUT /domains/*/status':
        domainOf(id).status = json.status;
        return reply({ status: json.status });
      default:
        throw new Refusal(404, { code: 404, message: `No route ${at}` });
    }
  }

  function createClient(json: Record<string, string>): object {
    assertLogin(json['login']);
    const { password = '' } = json;
    if (password.length < 5 || password.length > 14 || !isStrong(password)) {
      throw new Refusal(400, { code: 400, message: 'Your password is not complex enough.' });
    }
    const { id, guid } = addClient(json['email'] ?? '', json);
    return { id, guid };
  }

  function assertLogin(login: string | undefined, but?: number): void {
    const isTaken = [...state.clients.values()].some(
      (each) => each.login === login && each.id !== but,
    );
    if (isTaken)
      throw new Refusal(400, { code: 1007, message: `User account ${login} already exists.` });
  }

  function removeClient(id: string): object {
    const client = clientOf(id);
    for (const { id: domain, clientId } of state.domains.values()) {
      if (clientId === client.id) state.domains.delete(domain);
    }
    state.clients.delete(client.id);
    return { id: client.id, guid: client.guid };
  }

  function createDomain(json: any): object {
    const {
      name,
      plan,
      owner_client: owner,
      hosting_settings: hosting,
      ip_addresses: ips = [],
    } = json;
    const client = clientOf(String(owner.id));
    const isOwner =
      client.login === owner.login &&
      client.guid === owner.guid &&
      client.external_id === owner.external_id;
    if (!isOwner) throw new Refusal(400, { code: 400, message: 'The owner is not consistent.' });
    const all = [...state.domains.values()];
    if (all.some((each) => each.name === name)) {
      throw new Refusal(400, { code: 1007, message: `The domain ${name} already exists.` });
    }
    if (all.some((each) => each.ftpLogin === hosting.ftp_login)) {
      const message = `System user "${hosting.ftp_login}" already exists.`;
      throw new Refusal(400, { code: 1007, message });
    }
    if (!state.plans.includes(plan.name)) {
      throw new Refusal(400, { code: 400, message: `Service plan "${plan.name}" does not exist.` });
    }
    lastId += 1;
    state.domains.set(lastId, {
      id: lastId,
      name,
      clientId: client.id,
      ftpLogin: hosting.ftp_login,
      ftpPassword: hosting.ftp_password,
      plan: plan.name,
      status: 'active',
      created: new Date().toISOString().slice(0, 10),
      ips,
    });
    return { id: lastId, guid: guidOf(lastId) };
  }

  const clientOf = (id: string): FakeClient => {
    const found = state.clients.get(Number(id));
    if (found === undefined)
      throw new Refusal(404, { code: 1013, message: 'Client does not exist.' });
    return found;
  };
  const domainOf = (id: string): FakeDomain => {
    const found = state.domains.get(Number(id));
    if (found === undefined)
      throw new Refusal(404, { code: 1013, message: 'Domain does not exist.' });
    return found;
  };

  addClient('someone@else.example');
  return Object.assign(state, await startVendor(handle), { addClient });
}

const guidOf = (id: number): string =>
  `18b78dd1-2b43-44f7-9599-${id.toString(16).padStart(12, '0')}`;

const isStrong = (password: string): boolean =>
  [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].every((each) => each.test(password));

function showClient({ password: _password, ...client }: FakeClient): object {
  return { created: '2026-11-01', company: '', status: 0, locale: 'en-US', ...client };
}

function showDomain({ id, name, created }: FakeDomain): object {
  return {
    id,
    name,
    ascii_name: name,
    hosting_type: 'virtual',
    base_domain_id: 0,
    www_root: `/var/www/vhosts/${name}/httpdocs`,
    guid: guidOf(id),
    created,
    aliases: [],
  };
}
