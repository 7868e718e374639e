// A WHM server on loopback: accounts with packages and suspensions, refusals as HTTP 200 with
// `metadata.result` 0, pages, and the text/plain that cpsrvd really sends JSON with.
// Words of refusals are those of the recordings in `cpanel-vcr`, where there is one.

import { startVendor } from '../../contract/vendor.ts';
import type { Vendor, VendorReply, VendorRequest } from '../../contract/vendor.ts';
import { DOCUMENTATION, noteJudged } from '../oracle.ts';
import { findProblem, FUNCTIONS, isDomain, usernameProblem } from './rules.ts';

/** The credentials that the fake knows. */
export const USERNAME = 'panel';
export const API_TOKEN = 'K7QW2M9XC4R1T8Z5B3N6V0L1P2J4H8D3';

/** How cpsrvd refuses a login: status 403 in an envelope of its own. */
export const ACCESS_DENIED = {
  cpanelresult: {
    apiversion: '2',
    error: 'Access denied',
    data: { reason: 'Access denied', result: '0' },
    type: 'text',
  },
};

/** A hosting account of the fake. */
export type FakeAccount = {
  readonly user: string;
  domain: string;
  email: string;
  plan: string;
  suspended: boolean;
  suspendreason: string;
  password: string;
  dedicatedIp: boolean;
  /** Epoch seconds */
  startedAt: number;
};

/** What a test may look at and change. */
export type FakeCpanel = Vendor & {
  readonly accounts: Map<string, FakeAccount>;
  /** Packages and the MB of their quota; null is unlimited. */
  readonly packages: Map<string, number | null>;
  readonly privileges: Map<string, boolean>;
  /** Accounts that the reseller may have. */
  accountsMax: number;
  /** The host that WHM writes into login links. */
  linkHost: string;
  add(account: Partial<FakeAccount> & { readonly user: string }): FakeAccount;
};

type State = Pick<
  FakeCpanel,
  'accounts' | 'packages' | 'privileges' | 'accountsMax' | 'linkHost' | 'add'
>;

/** Starts a server with the packages `starter` and `business`. */
export async function startFakeCpanel(): Promise<FakeCpanel> {
  const accounts = new Map<string, FakeAccount>();
  const state: State = {
    accounts,
    packages: new Map([
      ['starter', 1_000],
      ['business', 5_000],
      ['unmetered', null],
    ]),
    privileges: new Map(
      [
        'list-accts',
        'list-pkgs',
        'create-acct',
        'kill-acct',
        'suspend-acct',
        'upgrade-account',
        'passwd',
        'create-user-session',
        'show-bandwidth',
      ].map((name) => [name, true]),
    ),
    accountsMax: 10_000,
    linkHost: 'whm.example.com',
    add(account) {
      const whole = {
        domain: `${account.user}.example.net`,
        email: '*unknown*',
        plan: 'starter',
        suspended: false,
        suspendreason: 'not suspended',
        password: '',
        dedicatedIp: false,
        startedAt: Math.floor(Date.now() / 1_000),
        ...account,
      };
      accounts.set(whole.user, whole);
      return whole;
    },
  };
  const vendor = await startVendor((request) => answer(state, request));
  return Object.assign(state, vendor);
}

function answer(state: State, request: VendorRequest): VendorReply {
  if (request.headers['authorization'] !== `whm ${USERNAME}:${API_TOKEN}`)
    return { status: 403, json: ACCESS_DENIED, headers: PLAIN };
  noteJudged('servers/cpanel', DOCUMENTATION);
  const name = /^\/json-api\/(\w+)$/.exec(request.path)?.[1] ?? '';
  const type = request.headers['content-type'] ?? '';
  const form = type.startsWith('application/x-www-form-urlencoded');
  const parameters = new URLSearchParams([
    ...request.query,
    ...(form ? new URLSearchParams(request.body) : []),
  ]);
  if (parameters.get('api.version') !== '1') {
    // The shape of API 0, which an extension that forgets the version would have to read.
    return { status: 200, json: { status: 0, statusmsg: 'api.version is not 1' }, headers: PLAIN };
  }
  const problem = findProblem(name, parameters);
  if (problem !== undefined) return refuse(name, problem);
  const privilege = PRIVILEGE_OF[name];
  if (privilege !== undefined && state.privileges.get(privilege) !== true)
    return refuse(name, `You do not have the required privileges to run “${name}”.`);
  if (FUNCTIONS[name]?.changes === true && request.method !== 'POST')
    throw new Error(`"${name}" changes things and was sent by ${request.method}`);
  try {
    const { reason = 'OK', data, ...more } = run(state, name, parameters);
    return {
      status: 200,
      json: { metadata: { version: 1, command: name, reason, result: 1, ...more }, data },
      headers: PLAIN,
    };
  } catch (error) {
    if (error instanceof WhmRefusal) return refuse(name, error.message);
    throw error;
  }
}

const PLAIN = { 'content-type': 'text/plain; charset="utf-8"' };

const PRIVILEGE_OF: { readonly [name: string]: string } = {
  listaccts: 'list-accts',
  listpkgs: 'list-pkgs',
  createacct: 'create-acct',
  removeacct: 'kill-acct',
  suspendacct: 'suspend-acct',
  unsuspendacct: 'suspend-acct',
  changepackage: 'upgrade-account',
  passwd: 'passwd',
  create_user_session: 'create-user-session',
  showbw: 'show-bandwidth',
};

class WhmRefusal extends Error {}

function refuse(command: string, reason: string): VendorReply {
  return {
    status: 200,
    json: { metadata: { version: 1, command, reason, result: 0 } },
    headers: PLAIN,
  };
}

type Outcome = { readonly reason?: string; readonly data?: unknown; readonly output?: unknown };

function run(state: State, name: string, parameters: URLSearchParams): Outcome {
  const given = (field: string): string => parameters.get(field) ?? '';
  switch (name) {
    case 'version':
      return { data: { version: '11.130.0.6' } };
    case 'myprivs':
      return { data: { privileges: [privilegesOf(state)] } };
    case 'listaccts':
      return {
        data: {
          acct: paginate(search(state, parameters), parameters).map((it) => lineOf(state, it)),
        },
      };
    case 'listpkgs':
      return {
        data: {
          pkg: [...state.packages].map(([each, quota]) => ({
            name: each,
            QUOTA: quota === null ? 'unlimited' : String(quota),
            BWLIMIT: 'unlimited',
          })),
        },
      };
    case 'showbw':
      return {
        data: {
          month: 11,
          year: 2026,
          acct: search(state, parameters).map(({ user, domain }) => ({
            user,
            maindomain: domain,
            totalbytes: 1_234_567,
            limit: '1048576000',
            bwusage: [{ domain, usage: 1_234_567, deleted: 0 }],
          })),
        },
      };
    case 'createacct':
      return create(state, given);
    case 'suspendacct': {
      const account = find(
        state,
        given('user'),
        '_suspendacct called for a user that does not exist. ()',
      );
      Object.assign(account, { suspended: true, suspendreason: given('reason') || 'Unknown' });
      return {
        reason: `<script>if (self['clear_ui_status']) { clear_ui_status(); }</script>\n${account.user}'s account has been suspended`,
      };
    }
    case 'unsuspendacct': {
      const account = find(
        state,
        given('user'),
        `_unsuspendacct called for a user that does not exist. (${given('user')})`,
      );
      Object.assign(account, { suspended: false, suspendreason: 'not suspended' });
      return { reason: `${account.user}'s account is now active` };
    }
    case 'removeacct': {
      const account = find(
        state,
        given('username'),
        `System user ${given('username')} does not exist!`,
      );
      state.accounts.delete(account.user);
      return { reason: `${account.user} account removed` };
    }
    case 'changepackage': {
      const account = find(state, given('user'), `Sorry the user ${given('user')} does not exist`);
      if (!state.packages.has(given('pkg')))
        throw new WhmRefusal('Specified package does not exist.');
      account.plan = given('pkg');
      return { reason: `Account Upgrade/Downgrade Complete for ${account.user}` };
    }
    case 'passwd': {
      const account = find(
        state,
        given('user'),
        `Sorry, the user ${given('user')} does not exist.`,
      );
      checkStrength(given('password'));
      account.password = given('password');
      return {
        reason: `Password changed for user “${account.user}”.`,
        data: { app: ['system', 'ftp', 'mail', 'mySQL'] },
      };
    }
    default:
      return openSession(state, given);
  }
}

function create(state: State, given: (field: string) => string): Outcome {
  const [user, domain, plan] = [given('username'), given('domain'), given('plan') || 'starter'];
  const problem = usernameProblem(user);
  if (problem !== undefined) throw new WhmRefusal(problem);
  if (!isDomain(domain)) throw new WhmRefusal(`Sorry, “${domain}” is not a valid domain.`);
  const first = user.slice(0, 8);
  if ([...state.accounts.keys()].some((each) => each.slice(0, 8) === first))
    throw new WhmRefusal('Sorry, a group for that username already exists.');
  if ([...state.accounts.values()].some((each) => each.domain === domain))
    throw new WhmRefusal(`The domain “${domain}” already exists in the userdata.`);
  if (!state.packages.has(plan)) throw new WhmRefusal('Specified package does not exist.');
  if (state.accounts.size >= state.accountsMax)
    throw new WhmRefusal(
      'Sorry, you have reached the maximum number of accounts that you may create.',
    );
  const password = given('password');
  if (password !== '') checkStrength(password);
  state.add({
    user,
    domain,
    plan,
    email: given('contactemail'),
    password,
    dedicatedIp: given('ip') === 'y',
  });
  return {
    reason: 'Account Creation Ok',
    data: {
      package: plan,
      ip: '192.0.2.10',
      nameserver: 'ns1.example.com',
      nameserver2: 'ns2.example.com',
    },
    // WHM's log of the creation repeats the password.
    output: { raw: `| Domain: ${domain}\n| UserName: ${user}\n| PassWord: ${password}\n` },
  };
}

function openSession(state: State, given: (field: string) => string): Outcome {
  const service = given('service');
  const account = find(state, given('user'), `The user “${given('user')}” does not exist.`);
  const port = { cpaneld: 2083, whostmgrd: 2087, webmaild: 2096 }[service];
  if (port === undefined) throw new WhmRefusal(`Invalid service “${service}”`);
  const token = '/cpsess7241905883';
  const session = `${account.user}:2Ib8FmcEQN1BqWUz:CREATE_USER_SESSION,f9`;
  return {
    data: {
      service,
      session,
      cp_security_token: token,
      expires: 1_795_600_000,
      url: `https://${state.linkHost}:${port}${token}/login/?session=${encodeURIComponent(session)}`,
    },
  };
}

function checkStrength(password: string): void {
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password));
  if (password.length >= 10 && kinds.length >= 2) return;
  throw new WhmRefusal(
    'Sorry, the password you selected cannot be used because it is too weak and would be too easy to guess. Please select a password with strength rating of 65 or higher.',
  );
}

function find({ accounts }: State, user: string, absent: string): FakeAccount {
  const account = accounts.get(user);
  if (account === undefined) throw new WhmRefusal(absent);
  return account;
}

/** As WHM: a pattern unless the method is "exact". */
function search({ accounts }: State, parameters: URLSearchParams): FakeAccount[] {
  const term = parameters.get('search');
  const all = [...accounts.values()];
  if (term === null) return all;
  const field = parameters.get('searchtype') === 'user' ? 'user' : 'domain';
  if (parameters.get('searchmethod') === 'exact') return all.filter((each) => each[field] === term);
  const pattern = new RegExp(term, 'i');
  return all.filter((each) => pattern.test(each[field]));
}

/** `api.chunk.start` counts from 1. */
function paginate(all: FakeAccount[], parameters: URLSearchParams): FakeAccount[] {
  const sorted =
    parameters.get('api.sort.a.field') === 'user'
      ? all.toSorted((a, b) => (a.user < b.user ? -1 : 1))
      : all;
  if (parameters.get('api.chunk.enable') !== '1') return sorted;
  const start = Number(parameters.get('api.chunk.start') ?? 1) - 1;
  return sorted.slice(start, start + Number(parameters.get('api.chunk.size')));
}

/** One line of listaccts, with the fields of the recordings and those of API 1 since. */
function lineOf({ packages }: State, account: FakeAccount): Readonly<Record<string, unknown>> {
  const { user, domain, email, plan, suspended, suspendreason, startedAt } = account;
  const quota = packages.get(plan) ?? null;
  return {
    user,
    domain,
    email,
    plan,
    suspended: suspended ? 1 : 0,
    suspendreason,
    suspendtime: suspended ? startedAt : null,
    startdate: '26 Nov 24 10:24',
    unix_startdate: String(startedAt),
    owner: USERNAME,
    ip: account.dedicatedIp ? '192.0.2.77' : '192.0.2.10',
    partition: 'home',
    theme: 'jupiter',
    shell: '/usr/local/cpanel/bin/noshell',
    diskused: '14M',
    disklimit: quota === null ? 'unlimited' : `${quota}M`,
    inodesused: 120,
    inodeslimit: 'unlimited',
    is_locked: 0,
    maxpop: 'unlimited',
    maxlst: 'unlimited',
    maxsub: 'unlimited',
    maxsql: 'unlimited',
    maxftp: 'unlimited',
    maxparked: '*unknown*',
    maxaddons: '*unknown*',
  };
}

function privilegesOf({ privileges }: State): Readonly<Record<string, number>> {
  return Object.fromEntries([
    ['all', 0],
    ...[...privileges].map(([name, has]) => [name, has ? 1 : 0]),
  ]);
}
