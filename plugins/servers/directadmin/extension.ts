// DirectAdmin: hosting users, by its JSON API and its legacy commands.

import { createPassword, defineServer, fail, inTurns, readDomain, urlHost } from 'cofferdam/sdk';
import type { RemoteService, Usage } from 'cofferdam/sdk';

import { connect } from './api.ts';
import type { DirectAdmin, User } from './api.ts';
import { config, parseSettings } from './config.ts';
import type { DirectAdminContext } from './config.ts';
import { CHECKOUT_FIELDS, productFields } from './fields.ts';
import { measure } from './usage.ts';
import { createUser, done, removeUser, requireUser } from './users.ts';

/** How long a login link holds. */
const LINK_MS = 5 * 60_000;
/** Users looked at one by one in a list; a call may send 1000 requests in all. */
const DETAILS_MAX = 900;
/** Users looked at the same time. */
const AT_ONCE = 8;

export default defineServer({
  config,

  async testConnection(ctx) {
    const api = connect(ctx);
    const { effectiveRole, effectiveUsername } = await api.session();
    const role = effectiveRole.toLowerCase();
    if (role !== 'admin' && role !== 'reseller') {
      return {
        ok: false,
        message: `"${effectiveUsername}" is ${effectiveRole}, and may not create users`,
        remedy: 'Use the login key of an admin or a reseller',
      };
    }
    // A legacy command has to be allowed for the login key apart.
    const packages = await api.packages();
    if (packages.length > 0)
      return { ok: true, message: `DirectAdmin answers to the ${role} "${effectiveUsername}"` };
    return {
      ok: false,
      message: `The ${role} "${effectiveUsername}" has no user packages`,
      remedy: 'Add a package in DirectAdmin under Manage User Packages, as the same user',
    };
  },

  create: (service, ctx) => createUser(connect(ctx), ctx, service),

  async suspend(service, ctx) {
    const api = connect(ctx);
    const user = await requireUser(api, service);
    if (!user.suspended) await api.suspend(user.username);
    return doneWith(user);
  },

  async unsuspend(service, ctx) {
    const api = connect(ctx);
    const user = await requireUser(api, service);
    if (user.suspended) await api.unsuspend(user.username);
    return doneWith(user);
  },

  terminate: (service, ctx) => removeUser(connect(ctx), ctx, service),

  async getLoginUrl(service, ctx) {
    const api = connect(ctx);
    const { username } = await requireUser(api, service);
    const expires = new Date(Date.now() + LINK_MS).toISOString();
    const link = await api.createLoginUrl(username, expires);
    return { url: onOurHost(link.url, ctx), expiresAt: expires };
  },

  async changePackage(change, ctx) {
    const api = connect(ctx);
    const wanted = parseSettings(change.product.settings).package;
    const user = await requireUser(api, change);
    if (user.package !== wanted) await api.changePackage(user.username, wanted);
    return doneWith(user);
  },

  async changePassword({ service, password = createPassword() }, ctx) {
    if (password.length < 8 || password.length > 64 || !/^[\x20-\x7e]+$/.test(password)) {
      throw fail('invalid_input', '"password" must have 8 to 64 ASCII characters', {
        remedy: 'Choose another password, or leave it empty to have one made',
      });
    }
    const api = connect(ctx);
    const { username, domain } = await requireUser(api, service);
    await api.setPassword(username, password);
    return done({ username, domain, password });
  },

  async usage(service, ctx): Promise<Usage[]> {
    const api = connect(ctx);
    return measure(api, (await requireUser(api, service)).username);
  },

  async list(_input, ctx): Promise<RemoteService[]> {
    const api = connect(ctx);
    const names = await api.usernames();
    if (names.length > DETAILS_MAX)
      ctx.log.warn(`${names.length} users: those after the first ${DETAILS_MAX} by name only`);
    const detailed = await inTurns(names.slice(0, DETAILS_MAX), AT_ONCE, (name) =>
      describe(api, name),
    );
    const rest = names.slice(DETAILS_MAX).map(unknown);
    return [...detailed.filter((each) => each !== undefined), ...rest];
  },

  async info(service, ctx) {
    const user = await requireUser(connect(ctx), service);
    return {
      username: user.username,
      domain: user.domain ?? null,
      package: user.package ?? null,
      ip: user.ip ?? null,
      status: user.suspended ? 'suspended' : 'active',
    };
  },

  productConfig: (_values, ctx) => productFields(connect(ctx)),
  checkoutConfig: async () => CHECKOUT_FIELDS,

  async validate({ product, checkout }, ctx) {
    const api = connect(ctx);
    const settings = parseSettings(product.settings);
    const read = readDomain(checkout);
    if ('problem' in read) return [{ field: 'domain', message: read.problem }];
    const [packages, addresses, owner] = await Promise.all([
      api.packages(),
      api.addresses(),
      api.ownerOf(read.domain),
    ]);
    const problems = [];
    if (!packages.includes(settings.package))
      problems.push({ field: 'package', message: `"${settings.package}" is no user package` });
    if (!addresses.includes(settings.ip))
      problems.push({ field: 'ip', message: `"${settings.ip}" is no address of this account` });
    if (owner !== undefined)
      problems.push({ field: 'domain', message: 'is on this server already' });
    return problems;
  },
});

const doneWith = ({ username, domain }: User) => done({ username, domain });

const unknown = (name: string): RemoteService => ({
  remoteId: name,
  name,
  status: 'unknown',
  properties: { username: name },
});

/** One line of the list; undefined for a user who went away meanwhile, and for resellers and admins. */
async function describe(api: DirectAdmin, name: string): Promise<RemoteService | undefined> {
  const user = await api.user(name);
  if (user === undefined || user.userType.toLowerCase() !== 'user') return undefined;
  const { username, domain, email, suspended } = user;
  return {
    remoteId: username,
    name: domain ?? username,
    status: suspended ? 'suspended' : 'active',
    ...(email == null || email === '' ? {} : { email }),
    properties: { username, domain: domain ?? null },
  };
}

/** The link leads to the host of the config by https, whatever host DirectAdmin calls itself. */
function onOurHost(link: string, { config: { host, port } }: DirectAdminContext): string {
  const url = URL.parse(link);
  if (url === null || url.protocol !== 'https:') {
    throw fail('invalid_response', 'DirectAdmin: the login link is not https', {
      remedy: 'Turn on TLS in DirectAdmin (ssl=1), so that its links are https',
    });
  }
  url.hostname = urlHost(host);
  url.port = String(port);
  return url.href;
}
