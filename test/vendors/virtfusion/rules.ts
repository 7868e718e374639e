// Which requests VirtFusion's API takes: paths, query, fields of the body with their types. Written from
// docs.virtfusion.com/api (version 6.2) as EZSCALE/virtfusion-api-library documents it, and compared with
// the tests of EZSCALE/virtfusion-php. Fields that the documentation does not have are refused.

import { Refusal } from '../../contract/vendor.ts';
import type { VendorRequest } from '../../contract/vendor.ts';

type FieldType = 'integer' | 'string' | 'boolean' | 'integer[]' | 'enable|disable';
type Fields = Readonly<Record<string, FieldType>>;
type Rule = {
  readonly path: RegExp;
  readonly query?: readonly string[];
  readonly required?: Fields;
  readonly optional?: Fields;
};

const PAGES = ['results', 'page'];

const RULES: Readonly<Record<string, Rule>> = {
  'GET connect': { path: /^\/connect$/ },
  'GET packages': { path: /^\/packages$/ },
  'GET groups': { path: /^\/compute\/hypervisors\/groups$/, query: PAGES },
  'GET templates': { path: /^\/media\/templates\/fromServerPackageSpec\/(\d+)$/ },
  'GET user': { path: /^\/users\/([^/]+)\/byExtRelation$/, query: ['relStr'] },
  'POST users': {
    path: /^\/users$/,
    required: { name: 'string', email: 'string' },
    optional: { extRelationId: 'integer', relStr: 'string', sendMail: 'boolean' },
  },
  'POST login': {
    path: /^\/users\/([^/]+)\/serverAuthenticationTokens\/(\d+)$/,
    query: ['relStr'],
  },
  'GET keys': { path: /^\/ssh_keys\/user\/(\d+)$/ },
  'POST keys': {
    path: /^\/ssh_keys$/,
    required: { userId: 'integer', name: 'string', publicKey: 'string' },
  },
  'GET servers': { path: /^\/servers$/, query: [...PAGES, 'type'] },
  'GET owned': { path: /^\/servers\/user\/(\d+)$/ },
  'GET server': { path: /^\/servers\/(\d+)$/, query: ['remoteState'] },
  'POST servers': {
    path: /^\/servers$/,
    query: ['dryRun'],
    required: { packageId: 'integer', userId: 'integer', hypervisorId: 'integer' },
    optional: { ipv4: 'integer' },
  },
  'DELETE server': { path: /^\/servers\/(\d+)$/, query: ['delay'] },
  'POST build': {
    path: /^\/servers\/(\d+)\/build$/,
    required: { operatingSystemId: 'integer' },
    optional: { name: 'string', hostname: 'string', sshKeys: 'integer[]', email: 'boolean' },
  },
  'PUT package': {
    path: /^\/servers\/(\d+)\/package\/(\d+)$/,
    optional: {
      backupPlan: 'boolean',
      cpu: 'boolean',
      memory: 'boolean',
      primaryDiskReadIOPS: 'boolean',
      primaryDiskReadThroughput: 'boolean',
      primaryDiskSize: 'boolean',
      primaryDiskWriteIOPS: 'boolean',
      primaryDiskWriteThroughput: 'boolean',
      primaryNetworkInboundSpeed: 'boolean',
      primaryNetworkOutboundSpeed: 'boolean',
      primaryNetworkTraffic: 'boolean',
    },
  },
  'POST suspend': { path: /^\/servers\/(\d+)\/suspend$/ },
  'POST unsuspend': { path: /^\/servers\/(\d+)\/unsuspend$/ },
  'POST power': { path: /^\/servers\/(\d+)\/power\/(boot|shutdown|restart|poweroff)$/ },
  'POST resetPassword': {
    path: /^\/servers\/(\d+)\/resetPassword$/,
    required: { user: 'string' },
    optional: { sendMail: 'boolean' },
  },
  'GET traffic': { path: /^\/servers\/(\d+)\/traffic$/ },
  'POST vnc': { path: /^\/servers\/(\d+)\/vnc$/, required: { action: 'enable|disable' } },
};

/** One request as a rule understands it: which, and the variable parts of its path. */
export type Matched = { readonly name: string; readonly parts: readonly string[] };

/** @throws {Refusal} In the shapes of Laravel, which VirtFusion is built on */
export function matchRequest({ method, path, query, json, body }: VendorRequest): Matched {
  const rest = path.startsWith('/api/v1/') ? path.slice('/api/v1'.length) : '';
  const found = Object.entries(RULES).find(
    ([name, rule]) => name.startsWith(`${method} `) && rule.path.test(rest),
  );
  if (found === undefined)
    throw new Refusal(404, { message: `The route ${path.slice(1)} could not be found.` });
  const [name, { path: pattern, query: names = [], required = {}, optional = {} }] = found;
  for (const each of query.keys())
    if (!names.includes(each)) throw new Refusal(400, { message: `Unknown parameter "${each}"` });
  if (query.has('results') && !(Number(query.get('results')) <= 200))
    throw new Refusal(422, { message: 'Invalid', errors: { results: ['At most 200.'] } });
  if (body !== '' && (typeof json !== 'object' || json === null))
    throw new Refusal(400, { message: 'The body is no JSON object' });
  const errors = problemsOf(json ?? {}, { required, optional });
  if (Object.keys(errors).length > 0)
    throw new Refusal(422, { message: 'The given data was invalid.', errors });
  const [, ...parts] = pattern.exec(rest) ?? [];
  return { name, parts: parts.map((part) => decodeURIComponent(part)) };
}

function problemsOf(
  values: Readonly<Record<string, unknown>>,
  { required, optional }: { required: Fields; optional: Fields },
): Record<string, string[]> {
  const errors: Record<string, string[]> = {};
  for (const name of Object.keys(required))
    if (values[name] === undefined) errors[name] = [`The ${name} field is required.`];
  for (const [name, value] of Object.entries(values)) {
    const type = required[name] ?? optional[name];
    if (type === undefined) errors[name] = [`The ${name} field is not documented.`];
    else if (!isOfType(value, type)) errors[name] = [`The ${name} field must be ${type}.`];
  }
  return errors;
}

function isOfType(value: unknown, type: FieldType): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'integer[]') return Array.isArray(value) && value.every(Number.isInteger);
  if (type === 'enable|disable') return value === 'enable' || value === 'disable';
  return typeof value === type && value !== '';
}
