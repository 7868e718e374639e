// Which parameters each act of Virtualizor takes, and where. Written from virtualizor.com/docs/admin-api
// and three independent clients: kkMihai/virtualizorjs, clientexec/virtualizor-server (the vendor's own
// admin SDK) and CODEIQBV/laravel-virtualizor. Virtualizor itself takes changes by GET too; here they
// must be POST, because addresses of GET requests are repeated by caches, proxies and crawlers.

import { Refusal } from '../../contract/vendor.ts';
import type { VendorRequest } from '../../contract/vendor.ts';

type Rule = {
  readonly query?: readonly string[];
  /** Present: the act may be posted to, with these fields. */
  readonly form?: readonly string[];
  readonly required?: readonly string[];
};

const EVERYWHERE = ['act', 'api', 'adminapikey', 'adminapipass'];
const PAGES = ['page', 'reslen'];
const CHANGES = ['suspend', 'unsuspend', 'delete', 'bwreset', 'action'];
const RESOURCES = [
  'space',
  'ram',
  'swapram',
  'bandwidth',
  'network_speed',
  'cpu',
  'cores',
  'cpu_percent',
  'num_ips',
  'num_ips6',
  'num_ips6_subnet',
  'vnc',
  'osreinstall_limit',
  'kvm_cache',
  'io_mode',
  'vnc_keymap',
  'nic_type',
];

const RULES: Readonly<Record<string, Rule>> = {
  plans: { query: [...PAGES, 'planname', 'ptype'] },
  os: {},
  servergroups: { query: PAGES },
  users: { query: [...PAGES, 'uid', 'email', 'type'] },
  adduser: {
    form: ['adduser', 'priority', 'newpass', 'newemail', 'fname', 'lname'],
    required: ['adduser', 'priority', 'newpass', 'newemail'],
  },
  vs: { query: [...PAGES, ...CHANGES, 'vpsid', 'vpshostname', 'user', 'vs_status'], form: [] },
  addvs: {
    form: [
      'addvps',
      'node_select',
      'virt',
      'uid',
      'osid',
      'hostname',
      'rootpass',
      'plid',
      'server_group',
      ...RESOURCES,
    ],
    required: ['addvps', 'virt', 'uid', 'osid', 'hostname', 'rootpass'],
  },
  managevps: {
    query: ['vpsid'],
    form: ['vpsid', 'editvps', 'theme_edit', 'plid', 'notes', 'rootpass', 'hostname'],
    required: ['vpsid', 'editvps', 'theme_edit'],
  },
  rebuild: {
    form: ['vpsid', 'reos', 'osid', 'newpass', 'conf'],
    required: ['vpsid', 'reos', 'osid', 'newpass', 'conf'],
  },
  tasks: { query: [...PAGES, 'actid', 'vpsid', 'action', 'status', 'order'] },
  vnc: { query: ['novnc'], form: ['novnc'], required: ['novnc'] },
  sso: { query: ['svs'] },
};

/** @throws {Refusal} A request that no documented call looks like; the message says why */
export function checkRequest(
  { method, query, headers }: VendorRequest,
  form: URLSearchParams,
): string {
  const act = query.get('act') ?? '';
  const rule = RULES[act];
  const refuse = (why: string): never => {
    throw new Refusal(400, { message: `${method} act=${act}: ${why}` });
  };
  if (rule === undefined) return refuse('no such act');
  for (const name of query.keys()) {
    if (![...EVERYWHERE, ...(rule.query ?? [])].includes(name)) refuse(`"${name}" in the address`);
    if (query.getAll(name).length > 1) refuse(`"${name}" twice`);
  }
  for (const name of form.keys())
    if (!(rule.form ?? []).includes(name)) refuse(`"${name}" in the body`);
  const isChange =
    rule.form !== undefined && (act !== 'vs' || CHANGES.some((name) => query.has(name)));
  if (isChange !== (method === 'POST')) refuse(`must be ${isChange ? 'POST' : 'GET'}`);
  for (const name of rule.required ?? [])
    if (!form.has(name)) refuse(`"${name}" is missing in the body`);
  const type = headers['content-type'];
  if (form.size > 0 && type !== 'application/x-www-form-urlencoded')
    refuse(`content-type is "${type}"`);
  return act;
}
