// cPanel & WHM: hosting accounts, by WHM API 1.

import { createPassword, defineServer, fail, readDomain } from 'cofferdam/sdk';
import type { RemoteService, Usage } from 'cofferdam/sdk';

import {
  createAccount,
  done,
  findAccount,
  isAtWork,
  pending,
  removeAccount,
  requireAccount,
} from './accounts.ts';
import { connect } from './api.ts';
import type { Account } from './api.ts';
import { config, parseSettings } from './config.ts';
import { CHECKOUT_FIELDS, productFields } from './fields.ts';
import { openSession } from './sessions.ts';
import { measure } from './usage.ts';

/** What a token needs; the README says how to give it. */
const PRIVILEGES = [
  'list-accts',
  'list-pkgs',
  'create-acct',
  'kill-acct',
  'suspend-acct',
  'upgrade-account',
  'passwd',
  'create-user-session',
];

const SUSPENSION = 'Suspended by the billing panel';

export default defineServer({
  config,

  async testConnection(ctx) {
    const whm = connect(ctx);
    const version = await whm.version();
    const held = await whm.privileges();
    // A name that the server does not know is a privilege of another version, not a missing one.
    const missing = held['all'] === true ? [] : PRIVILEGES.filter((name) => held[name] === false);
    if (missing.length === 0) return { ok: true, message: `cPanel & WHM ${version} answers` };
    return {
      ok: false,
      message: `The API token lacks ${missing.join(', ')}`,
      remedy: 'Edit the token under Manage API Tokens in WHM and give it these privileges',
    };
  },

  create: (service, ctx) => createAccount(connect(ctx), service, ctx),

  async suspend(service, ctx) {
    const whm = connect(ctx);
    const account = await requireAccount(whm, service);
    if (!account.suspended) await whm.suspend(account.user, SUSPENSION);
    return doneWith(account);
  },

  async unsuspend(service, ctx) {
    const whm = connect(ctx);
    const account = await requireAccount(whm, service);
    if (account.suspended) await whm.unsuspend(account.user);
    return doneWith(account);
  },

  terminate: (service, ctx) => removeAccount(connect(ctx), service, ctx),

  getLoginUrl: (service, ctx) => openSession(service, 'cpaneld', ctx),

  async changePackage(change, ctx) {
    const whm = connect(ctx);
    const wanted = parseSettings(change.product.settings).package;
    const account = await requireAccount(whm, change);
    if (account.plan !== wanted) await whm.changePackage(account.user, wanted);
    return doneWith(account);
  },

  async changePassword({ service, password = createPassword() }, ctx) {
    if (password.length < 8 || password.length > 128) {
      throw fail('invalid_input', '"password" must have 8 to 128 characters', {
        remedy: 'Choose another password, or leave it empty to have one made',
      });
    }
    const whm = connect(ctx);
    const { user, domain } = await requireAccount(whm, service);
    await whm.setPassword(user, password);
    return done({ username: user, domain, password });
  },

  async usage(service, ctx): Promise<Usage[]> {
    const whm = connect(ctx);
    return measure(whm, await requireAccount(whm, service), ctx.log);
  },

  async list(_input, ctx): Promise<RemoteService[]> {
    const accounts = await connect(ctx).accounts();
    return accounts.map(({ user, domain, email, suspended }) => ({
      remoteId: user,
      name: domain,
      status: suspended ? 'suspended' : 'active',
      // WHM writes "*unknown*" where it has none.
      ...(email != null && email.includes('@') ? { email } : {}),
      properties: { username: user, domain },
    }));
  },

  async info(service, ctx) {
    const account = await requireAccount(connect(ctx), service);
    return {
      username: account.user,
      domain: account.domain,
      package: account.plan ?? null,
      ip: account.ip ?? null,
      status: account.suspended ? 'suspended' : 'active',
    };
  },

  productConfig: (_values, ctx) => productFields(connect(ctx)),
  checkoutConfig: async () => CHECKOUT_FIELDS,

  async validate({ product, checkout }, ctx) {
    const whm = connect(ctx);
    const settings = parseSettings(product.settings);
    const read = readDomain(checkout);
    if ('problem' in read) return [{ field: 'domain', message: read.problem }];
    const [packages, owner] = await Promise.all([
      whm.packages(),
      whm.account('domain', read.domain),
    ]);
    const problems = [];
    if (!packages.some(({ name }) => name === settings.package))
      problems.push({ field: 'package', message: `"${settings.package}" is not offered by WHM` });
    if (owner !== undefined)
      problems.push({ field: 'domain', message: 'is on this server already' });
    return problems;
  },

  async reconcile({ operation, service }, ctx) {
    const whm = connect(ctx);
    switch (operation) {
      case 'create':
      case 'terminate': {
        const account = await findAccount(whm, service);
        const isOver = (account === undefined) === (operation === 'terminate');
        if (!isOver && isAtWork(service)) {
          const { username, domain, orderedAt } = service.properties;
          return pending({ username: String(username), domain: String(domain) }, String(orderedAt));
        }
        return operation === 'create'
          ? createAccount(whm, service, ctx)
          : removeAccount(whm, service, ctx);
      }
      default:
        throw fail('unsupported', `"${operation}" is never pending at WHM`, {
          remedy: 'Run the operation again: it is over, or did not happen',
        });
    }
  },

  actions: {
    webmail: {
      label: 'Open webmail',
      audience: 'both',
      async run({ subject }, ctx) {
        const { url } = await openSession(subject, 'webmaild', ctx);
        return { url };
      },
    },
  },
});

const doneWith = ({ user, domain }: Account) => done({ username: user, domain });
