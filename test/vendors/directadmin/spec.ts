// Which requests DirectAdmin takes. `/api/*`: the operations of its own swagger, kept beside the project;
// where that is absent, the operations written here. Bodies and legacy commands (`CMD_API_*`), which the
// swagger does not describe, by rules written after docs.directadmin.com/developer/api/legacy-api.html.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = join(import.meta.dirname, '../../../../shared/specs/directadmin-api_spec.json');

/** Whether the vendor's own description is at hand. */
export const HAS_SPEC = existsSync(FILE);

type Parameter = {
  readonly in: 'path' | 'query' | 'body' | 'header' | 'formData';
  readonly name: string;
  readonly required?: boolean;
  readonly type?: string;
};
type Operation = {
  readonly method: string;
  readonly path: string;
  readonly params: readonly Parameter[];
};

const ONLY = { method: 'GET', params: [] };
const KNOWN: readonly Operation[] = [
  { ...ONLY, path: '/api/session' },
  { ...ONLY, path: '/api/users/{username}/config' },
  { ...ONLY, path: '/api/users/{username}/usage' },
  {
    method: 'GET',
    path: '/api/search/users-extended',
    params: [
      { in: 'query', name: 'q', type: 'string' },
      { in: 'query', name: 'limit', type: 'number' },
    ],
  },
  {
    method: 'POST',
    path: '/api/login-keys/urls',
    params: [{ in: 'body', name: 'data', required: true, type: 'object' }],
  },
];

/** All operations of the JSON API. */
export const OPERATIONS: readonly Operation[] = HAS_SPEC
  ? (JSON.parse(readFileSync(FILE, 'utf8')) as { operations: Operation[] }).operations
  : KNOWN;

/** Fields of bodies: name → whether it must be there. The swagger names the type, not its fields. */
const BODIES: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  // `currentPassword` is for requests with a session, not with Basic credentials.
  'POST /api/login-keys/urls': {
    allowNetworks: true,
    currentPassword: false,
    expires: false,
    redirectURL: false,
  },
};

/** What is wrong with a request of the JSON API; undefined: DirectAdmin would take it. */
export function findApiProblem(request: {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly json: unknown;
}): string | undefined {
  const { method, path, query, json } = request;
  const operation = OPERATIONS.find(
    (each) => each.method === method && patternOf(each.path).test(path),
  );
  if (operation === undefined) return `${method} ${path} is no operation`;
  for (const [name, value] of query) {
    const parameter = operation.params.find((each) => each.in === 'query' && each.name === name);
    if (parameter === undefined) return `query parameter "${name}" is unknown`;
    if (parameter.type === 'number' && !/^\d+$/.test(value)) return `"${name}" is no number`;
  }
  const body = operation.params.find((each) => each.in === 'body');
  if (body === undefined) return json === undefined ? undefined : 'there must be no body';
  if (body.required === true && (typeof json !== 'object' || json === null))
    return `body "${body.name}" is missing`;
  const fields = BODIES[`${method} ${operation.path}`] ?? {};
  const given = Object.keys(json ?? {});
  const strange = given.find((name) => fields[name] === undefined);
  if (strange !== undefined) return `field "${strange}" is unknown`;
  const missing = Object.keys(fields).find(
    (name) => fields[name] === true && !given.includes(name),
  );
  return missing === undefined ? undefined : `field "${missing}" is missing`;
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

type Command = {
  readonly method: 'GET' | 'POST';
  readonly required: readonly string[];
  readonly optional?: readonly string[];
};

/** The legacy commands that the fake has. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  CMD_API_SHOW_USERS: { method: 'GET', required: [], optional: ['reseller'] },
  CMD_API_PACKAGES_USER: { method: 'GET', required: [], optional: ['package'] },
  CMD_API_SHOW_RESELLER_IPS: { method: 'GET', required: [], optional: ['ip'] },
  CMD_API_ACCOUNT_USER: {
    method: 'POST',
    required: [
      'action',
      'add',
      'username',
      'email',
      'passwd',
      'passwd2',
      'domain',
      'package',
      'ip',
      'notify',
    ],
  },
  CMD_API_SELECT_USERS: {
    method: 'POST',
    required: ['select0'],
    optional: ['location', 'suspend', 'dosuspend', 'dounsuspend', 'confirmed', 'delete', 'reason'],
  },
  CMD_API_MODIFY_USER: { method: 'POST', required: ['action', 'user', 'package'] },
  CMD_API_USER_PASSWD: { method: 'POST', required: ['username', 'passwd', 'passwd2'] },
};

/** What is wrong with a legacy command; undefined: DirectAdmin would take it. */
export function findCommandProblem(
  name: string,
  method: string,
  form: URLSearchParams,
): string | undefined {
  const command = COMMANDS[name];
  if (command === undefined) return `${name} is no command`;
  if (command.method !== method) return `${name} goes by ${command.method}`;
  const known = ['json', ...command.required, ...(command.optional ?? [])];
  const strange = [...form.keys()].find((each) => !known.includes(each));
  if (strange !== undefined) return `"${strange}" is unknown`;
  const missing = command.required.find((each) => (form.get(each) ?? '') === '');
  return missing === undefined ? undefined : `"${missing}" is missing`;
}

/** Why DirectAdmin takes no user of this name; undefined: it does. */
export function usernameProblem(name: string): string | undefined {
  if (!/^[a-z][a-z0-9]*$/.test(name)) return 'must be letters and digits, a letter first';
  if (name.length < 4 || name.length > 8) return 'must have 4 to 8 characters';
  return ['admin', 'root', 'mail', 'nobody', 'mysql', 'apache'].includes(name)
    ? 'is reserved'
    : undefined;
}
