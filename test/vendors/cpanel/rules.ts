// WHM API 1 as its documentation has it: which functions take which parameters, and which user names
// and domains WHM accepts. WHM itself ignores a parameter it does not know; here it is refused, so that
// a misspelt one is found.

/** One function: `changes` tells orders from questions. */
export type WhmFunction = {
  readonly changes: boolean;
  readonly required: readonly string[];
  readonly optional: readonly string[];
};

const ANYWHERE =
  /^api\.(?:version|chunk\.(?:enable|size|start)|sort\.(?:enable|[a-z]\.(?:field|method|reverse)))$/;

const ask = (optional: readonly string[] = [], required: readonly string[] = []): WhmFunction => ({
  changes: false,
  required,
  optional,
});
const order = (required: readonly string[], optional: readonly string[] = []): WhmFunction => ({
  changes: true,
  required,
  optional,
});

/** The functions that the fake has. Source: api.docs.cpanel.net/openapi/whm, one page each. */
export const FUNCTIONS: { readonly [name: string]: WhmFunction } = {
  version: ask(),
  myprivs: ask(),
  listaccts: ask(['search', 'searchtype', 'searchmethod', 'want']),
  listpkgs: ask(['want']),
  showbw: ask(['search', 'searchtype', 'month', 'year', 'showres']),
  createacct: order(
    ['username', 'domain'],
    ['plan', 'contactemail', 'password', 'ip', 'owner', 'reseller', 'hasshell', 'language'],
  ),
  suspendacct: order(['user'], ['reason', 'disallowun', 'leave-ftp-accts-enabled']),
  unsuspendacct: order(['user']),
  removeacct: order(['username'], ['keepdns']),
  changepackage: order(['user', 'pkg']),
  passwd: order(['user', 'password'], ['db_pass_update', 'enabledigest']),
  create_user_session: order(['user', 'service'], ['app', 'locale', 'preferred_domain']),
};

/** What is wrong with a request; undefined: WHM would take it. */
export function findProblem(name: string, parameters: URLSearchParams): string | undefined {
  const known = FUNCTIONS[name];
  if (known === undefined) return `Unknown app (“${name}”) requested`;
  for (const required of known.required)
    if (!parameters.get(required)) return `API failure: Missing required parameter “${required}”.`;
  for (const parameter of parameters.keys()) {
    const isKnown =
      ANYWHERE.test(parameter) ||
      known.required.includes(parameter) ||
      known.optional.includes(parameter);
    if (!isKnown) return `Unknown parameter “${parameter}”`;
  }
  if (new Set(parameters.keys()).size !== parameters.size) return 'A parameter is given twice';
  return undefined;
}

const RESERVED = new Set(['root', 'nobody', 'mysql', 'postgres', 'cpanel', 'mailman', 'all']);

/** Why WHM takes no account of this name; undefined: it does. */
export function usernameProblem(name: string): string | undefined {
  if (!/^[a-z0-9]{1,16}$/.test(name)) return `Sorry, “${name}” is not a valid username.`;
  if (/^\d/.test(name)) return 'Usernames may not begin with a number.';
  if (name.startsWith('test')) return 'Usernames may not begin with the string “test”.';
  return RESERVED.has(name) ? `Sorry, the username “${name}” is reserved.` : undefined;
}

/** Whether WHM takes it as an account's main domain. */
export function isDomain(domain: string): boolean {
  return /^(?=.{4,253}$)(?!www\.)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/.test(
    domain,
  );
}
