// The REST API of Plesk as this extension uses it: replies parsed, refusals told apart.
// Source: Plesk's own description "Plesk RESTful API v2", as a server ships it.

import { createRemote, fail, isFailure, originOf, readShape, z } from 'cofferdam/sdk';
import type { Explanation, FailureCode, RemoteReply, RemoteRequest } from 'cofferdam/sdk';

import { credentialsOf } from './config.ts';
import type { PleskContext } from './config.ts';

const server = z.looseObject({ hostname: z.string(), panel_version: z.string() });
const client = z.looseObject({
  id: z.int(),
  login: z.string(),
  email: z.string(),
  guid: z.string(),
  status: z.int(),
  type: z.string(),
  external_id: z.string().nullish(),
  description: z.string().nullish(),
});
const domain = z.looseObject({
  id: z.int(),
  name: z.string(),
  ascii_name: z.string(),
  created: z.string(),
});
const address = z.looseObject({ ipv4: z.string().nullish(), ipv6: z.string().nullish() });
const made = z.looseObject({ id: z.int(), guid: z.string() });
const status = z.looseObject({ status: z.enum(['active', 'suspended', 'disabled']) });
const commandResult = z.looseObject({
  code: z.int(),
  stdout: z.string().nullish(),
  stderr: z.string().nullish(),
});
const nothing = z.unknown();

/** A customer account. */
export type Client = z.infer<typeof client>;
/** A site; the first of a subscription carries its name. */
export type Domain = z.infer<typeof domain>;
/** Whether a site answers. */
export type SiteStatus = z.infer<typeof status>['status'];

/** Plesk says in `message` what it refuses; most refusals are a plain 400. */
function explain({ status, json }: RemoteReply): Explanation {
  const { message, code: number } = (json ?? {}) as { message?: unknown; code?: unknown };
  // Plesk numbers its refusals: any other 404 is of something in between, and says nothing of a site.
  if (status === 404 && typeof number !== 'number') return { code: 'invalid_response' };
  if (typeof message !== 'string' || message.trim() === '') return {};
  const code = status === 400 ? codeOf(message) : undefined;
  return { message: message.trim(), ...(code === undefined ? {} : { code }) };
}

/** What Plesk's words mean, where its status does not say. */
export function codeOf(message: string): FailureCode {
  if (/already (?:exists|used|in use)|is not unique|not available/i.test(message))
    return 'conflict';
  if (/limit|quota|exceed|not enough|no free|license/i.test(message)) return 'capacity';
  if (/is locked|try again later/i.test(message)) return 'locked';
  return 'rejected';
}

/** The API of one server. */
export type Plesk = ReturnType<typeof connect>;

/** Connects with the config of the instance; nothing is sent yet. */
export function connect({ config, fetch, call }: PleskContext) {
  const remote = createRemote({
    name: 'Plesk',
    fetch,
    baseUrl: `${originOf(config)}/api/v2`,
    headers: credentialsOf(config),
    explain,
  });
  async function request<T>(
    at: string,
    shape: z.ZodType<T>,
    options: RemoteRequest = {},
  ): Promise<T> {
    const [method = '', path = ''] = at.split(' ');
    const reply = await remote.request(method, path, { ...options, signal: call.signal });
    return readShape(shape, reply.json, `Plesk's answer to ${at}`);
  }
  return {
    ...customersOf(request),
    ...sitesOf(request),
    server: () => request('GET /server', server),
    addresses: () => request('GET /server/ips', z.array(address)),
    commands: () => request('GET /cli/commands', z.array(z.string())),
    run: (command: string, params: readonly string[], env?: Record<string, string>) =>
      runCommand(request, { command, params, ...(env === undefined ? {} : { env }) }),
  };
}

type Request = <T>(at: string, shape: z.ZodType<T>, options?: RemoteRequest) => Promise<T>;

function customersOf(request: Request) {
  return {
    // Plesk documents no pages here: the answer is the whole list.
    clients: () => request('GET /clients', z.array(client)),
    client: (id: number) => request(`GET /clients/${id}`, client),
    clientDomains: (id: number) => request(`GET /clients/${id}/domains`, z.array(domain)),
    createClient: (json: object) => request('POST /clients', made, { json }),
    updateClient: (id: number, json: object) => request(`PUT /clients/${id}`, nothing, { json }),
    removeClient: (id: number) => request(`DELETE /clients/${id}`, nothing),
  };
}

function sitesOf(request: Request) {
  return {
    domainsNamed: (name: string) => request('GET /domains', z.array(domain), { query: { name } }),
    domain: (id: number) => request(`GET /domains/${id}`, domain),
    ownerOf: (id: number) => request(`GET /domains/${id}/client`, client),
    createDomain: (json: object) => request('POST /domains', made, { json }),
    removeDomain: (id: number) => request(`DELETE /domains/${id}`, nothing),
    statusOf: async (id: number) => (await request(`GET /domains/${id}/status`, status)).status,
    setStatus: (id: number, wanted: SiteStatus) =>
      request(`PUT /domains/${id}/status`, nothing, { json: { status: wanted } }),
  };
}

type Command = {
  readonly command: string;
  readonly params: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

/**
 * Runs a command line utility of the server.
 *
 * @returns What it wrote
 * @throws {ExtensionFailure} Also when the reply is 200 and the utility failed; a utility that is not
 *   there is `unsupported`, never `not_found`: that would say that what was asked about is gone
 */
async function runCommand(request: Request, { command, ...json }: Command): Promise<string> {
  const at = `POST /cli/${command}/call`;
  let result;
  try {
    result = await request(at, commandResult, { json });
  } catch (error) {
    if (!isFailure(error, 'not_found')) throw error;
    throw fail('unsupported', `Plesk: the command line utility "${command}" is not there`, {
      remedy: 'Update the REST API extension of Plesk, and use the key of an administrator',
      cause: error,
    });
  }
  if (result.code === 0) return result.stdout ?? '';
  const said = [result.stderr, result.stdout].map((text) => (text ?? '').trim()).find(Boolean);
  const message = said?.slice(0, 300) ?? `it ended with code ${result.code}`;
  throw fail(codeOf(message), `Plesk: ${command} ${json.params[0] ?? ''}: ${message}`, {
    remedy: 'Put right what Plesk names and run the operation again',
  });
}
