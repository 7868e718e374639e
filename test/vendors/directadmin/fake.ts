// A DirectAdmin server on loopback: the JSON API with its typed refusals, and the legacy commands, which
// say in JSON or form-encoded, always with status 200, whether they worked.
// A request that DirectAdmin would not understand is a bug of the extension: the fake fails loudly.

import { Refusal, startVendor } from '../../contract/vendor.ts';
import type { Vendor, VendorReply, VendorRequest } from '../../contract/vendor.ts';
import { DOCUMENTATION, noteJudged } from '../oracle.ts';
import { findApiProblem, findCommandProblem, HAS_SPEC, usernameProblem } from './spec.ts';

/** The credentials that the fake knows. */
export const USERNAME = 'panel';
export const LOGIN_KEY = 'kW4nT8vQ2xR7mZ5cB9sL1dF3';

/** How the JSON API refuses credentials that it does not know. */
export const UNAUTHORIZED = { type: 'UNAUTHORIZED', message: 'Unauthorized' };

/** The login page, which DirectAdmin sends with status 200 too. */
export const LOGIN_PAGE = '<!DOCTYPE html>\n<html><title>DirectAdmin Login</title></html>';

/** A user of the fake. */
export type FakeUser = {
  readonly username: string;
  userType: 'user' | 'reseller' | 'admin';
  domain: string;
  domains: string[];
  email: string;
  package: string;
  ip: string;
  suspended: boolean;
  password: string;
  /** As ctime prints it */
  dateCreated: string;
};

type State = {
  readonly users: Map<string, FakeUser>;
  readonly userPackages: string[];
  readonly resellerPackages: string[];
  readonly addresses: string[];
  /** Legacy commands that the login key may not use: they lead to the login page. */
  readonly forbidden: Set<string>;
  role: 'admin' | 'reseller' | 'user';
  usersMax: number;
  /** How legacy commands answer: old servers ignore `json=yes`. */
  style: 'json' | 'form';
  /** The host and scheme that the server writes into login links. */
  linkOrigin: string;
  add(user: Partial<FakeUser> & { readonly username: string }): FakeUser;
};

/** What a test may look at and change. */
export type FakeDirectAdmin = Vendor & State;

/** Starts a server with the packages `small` and `large` and one shared address. */
export async function startFakeDirectAdmin(): Promise<FakeDirectAdmin> {
  const users = new Map<string, FakeUser>();
  const state: State = {
    users,
    userPackages: ['small', 'large'],
    resellerPackages: ['reseller-gold'],
    addresses: ['192.0.2.10', '192.0.2.11'],
    forbidden: new Set(),
    role: 'reseller',
    usersMax: 10_000,
    style: 'json',
    linkOrigin: 'https://da.example.com:2222',
    add(user) {
      const { username, domain = `${username}.example.net` } = user;
      const whole = {
        userType: 'user' as const,
        domain,
        domains: [domain],
        email: `${username}@example.net`,
        package: 'small',
        ip: '192.0.2.10',
        suspended: false,
        password: '',
        dateCreated: ctime(new Date()),
        ...user,
      };
      users.set(username, whole);
      return whole;
    },
  };
  const vendor = await startVendor((request) => answer(state, request));
  return Object.assign(state, vendor);
}

function ctime(date: Date): string {
  return `${date.toUTCString().slice(0, 3)} ${date.toUTCString().slice(8, 11)} ${date.getUTCDate()} ${date.toISOString().slice(11, 19)} ${date.getUTCFullYear()}`;
}

function answer(state: State, request: VendorRequest): VendorReply {
  const { path } = request;
  const [, encoded = ''] = /^Basic (.+)$/.exec(request.headers['authorization'] ?? '') ?? [];
  const [name = '', key] = atob(encoded).split(':');
  const [real = '', as = real] = name.split('|');
  const isKnown = real === USERNAME && key === LOGIN_KEY;
  if (!isKnown) return { status: 401, json: UNAUTHORIZED };
  if (as !== USERNAME && !state.users.has(as)) return { status: 401, json: UNAUTHORIZED };
  if (path.startsWith('/api/')) return api(state, request, as);
  const command = path.slice(1);
  if (state.forbidden.has(command)) return { status: 302, headers: { location: '/evo/login' } };
  const form = request.method === 'GET' ? request.query : new URLSearchParams(request.body);
  noteJudged('servers/directadmin', DOCUMENTATION);
  const problem = findCommandProblem(command, request.method, form);
  if (problem !== undefined) throw new Error(`${command}: ${problem}`);
  try {
    return say(
      state,
      run(state, command, (field) => form.get(field) ?? ''),
    );
  } catch (error) {
    if (error instanceof LegacyRefusal) return say(state, error);
    throw error;
  }
}

class LegacyRefusal extends Error {
  readonly details: string;

  constructor(message: string, details: string) {
    super(message);
    this.details = details;
  }
}

type Outcome = { readonly list: readonly string[] } | { readonly success: string };

/** Both ways in which legacy commands talk. */
function say({ style }: State, outcome: Outcome | LegacyRefusal): VendorReply {
  if (outcome instanceof LegacyRefusal) {
    const { message, details } = outcome;
    return style === 'json'
      ? { status: 200, json: { error: message, result: details } }
      : formReply(new URLSearchParams({ error: '1', text: message, details }).toString());
  }
  if ('list' in outcome) {
    // The brackets come as HTML writes them.
    const items = outcome.list.map((each) => `list&#91;&#93;=${encodeURIComponent(each)}`);
    return style === 'json' ? { status: 200, json: outcome.list } : formReply(items.join('&'));
  }
  const { success } = outcome;
  return style === 'json'
    ? { status: 200, json: { result: '', success } }
    : formReply(new URLSearchParams({ error: '0', text: success, details: '' }).toString());
}

function formReply(text: string): VendorReply {
  return { status: 200, html: text, headers: { 'content-type': 'text/plain' } };
}

function run(state: State, command: string, given: (field: string) => string): Outcome {
  switch (command) {
    case 'CMD_API_SHOW_USERS':
      return { list: [...state.users.keys()] };
    case 'CMD_API_PACKAGES_USER':
      return { list: state.userPackages };
    case 'CMD_API_SHOW_RESELLER_IPS':
      return { list: state.addresses };
    case 'CMD_API_ACCOUNT_USER':
      return create(state, given);
    case 'CMD_API_SELECT_USERS':
      return select(state, given);
    case 'CMD_API_MODIFY_USER': {
      const user = find(state, given('user'));
      if (given('action') !== 'package') throw new Error(`action "${given('action')}"`);
      if (!state.userPackages.includes(given('package')))
        throw new LegacyRefusal('Cannot change package', 'That package does not exist');
      user.package = given('package');
      return { success: 'User Modified' };
    }
    default: {
      const user = find(state, given('username'));
      checkPassword(given);
      user.password = given('passwd');
      return { success: 'Password Changed' };
    }
  }
}

function create(state: State, given: (field: string) => string): Outcome {
  const refuse = (details: string) => new LegacyRefusal('Unable to create user', details);
  if (given('action') !== 'create' || given('add') !== 'Submit') throw new Error('not a creation');
  const [username, domain] = [given('username'), given('domain')];
  const problem = usernameProblem(username);
  if (problem !== undefined) throw refuse(`username ${problem}`);
  if (state.users.has(username)) throw refuse('That username already exists on the system');
  if (!/^(?!www\.)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(domain)) throw refuse('Invalid domain name');
  if ([...state.users.values()].some((each) => each.domains.includes(domain)))
    throw refuse(`The domain ${domain} already exists`);
  if (!state.userPackages.includes(given('package'))) throw refuse('That package does not exist');
  if (!state.addresses.includes(given('ip'))) throw refuse('You do not own that ip');
  if (state.users.size >= state.usersMax) throw refuse('You have reached your limit of users');
  checkPassword(given);
  const {
    email,
    package: wanted,
    ip,
    passwd,
  } = {
    email: given('email'),
    package: given('package'),
    ip: given('ip'),
    passwd: given('passwd'),
  };
  state.add({ username, domain, email, package: wanted, ip, password: passwd });
  return { success: `User ${username} created` };
}

function select(state: State, given: (field: string) => string): Outcome {
  const user = find(state, given('select0'));
  if (given('delete') === 'yes') {
    if (given('confirmed') !== 'Confirm') throw new Error('A deletion must be confirmed');
    state.users.delete(user.username);
    return { success: 'User deleted' };
  }
  if (given('suspend') === '' || given('location') !== 'CMD_SELECT_USERS')
    throw new Error('nothing is asked');
  // Without one of the two, DirectAdmin turns the state round.
  if (given('dosuspend') !== '') user.suspended = true;
  else if (given('dounsuspend') !== '') user.suspended = false;
  else user.suspended = !user.suspended;
  return { success: user.suspended ? 'User suspended' : 'User unsuspended' };
}

function checkPassword(given: (field: string) => string): void {
  const password = given('passwd');
  if (password !== given('passwd2')) throw new LegacyRefusal('Error', 'Passwords do not match');
  const kinds = [/[a-z]/, /[A-Z]/, /\d/];
  if (password.length >= 8 && kinds.every((kind) => kind.test(password))) return;
  throw new LegacyRefusal(
    'Error',
    'The password must have upper and lower case letters and digits',
  );
}

function find({ users }: State, username: string): FakeUser {
  const user = users.get(username);
  if (user === undefined) throw new LegacyRefusal('Error', `User ${username} does not exist`);
  return user;
}

function api(state: State, request: VendorRequest, as: string): VendorReply {
  noteJudged('servers/directadmin', HAS_SPEC ? 'directadmin-api_spec.json' : DOCUMENTATION);
  const problem = findApiProblem(request);
  if (problem !== undefined) throw new Error(problem);
  const [, username, what] = /^\/api\/users\/([^/]+)\/(config|usage)$/.exec(request.path) ?? [];
  if (username !== undefined) {
    const user = state.users.get(decodeURIComponent(username));
    if (user === undefined) throw new Refusal(404, { type: 'NOT_FOUND', account: username });
    return { status: 200, json: what === 'config' ? configOf(user) : USAGE };
  }
  switch (request.path) {
    case '/api/session':
      return {
        status: 200,
        json: { effectiveRole: state.role, effectiveUsername: as, realUsername: USERNAME },
      };
    case '/api/search/users-extended': {
      const q = request.query.get('q') ?? '';
      const matches = [...state.users.values()].map((user) => ({
        user: user.username,
        matchedDomains: user.domains.filter((each) => each.includes(q)),
      }));
      const found = matches.filter((it) => it.matchedDomains.length > 0 || it.user.includes(q));
      return { status: 200, json: found.slice(0, Number(request.query.get('limit') ?? 50)) };
    }
    default:
      return {
        status: 200,
        json: {
          id: 'zX81',
          url: `${state.linkOrigin}/api/login/url?key=${as}-otp-8D2m`,
          createdBy: USERNAME,
          allowNetworks: request.json.allowNetworks,
          created: new Date().toISOString(),
          expires: request.json.expires,
        },
      };
  }
}

function configOf({ password: _hidden, ...user }: FakeUser): Readonly<Record<string, unknown>> {
  return { ...user, creator: USERNAME, ns1: 'ns1.example.com', quotaLim: -1, twoStepAuth: false };
}

const USAGE = {
  quotaBytes: { usage: 14 * 2 ** 20, limit: 1_000 * 2 ** 20 },
  bandwidthBytes: { usage: 1_234_567, limit: 0, unlimited: true },
  inode: { usage: 120, limit: -1 },
  domains: { usage: 1, limit: 1 },
  emailAccounts: { usage: 1, limit: 50 },
  mySqlDatabases: { usage: 0, limit: 0 },
  dbQuotaBytes: 4_096,
};
