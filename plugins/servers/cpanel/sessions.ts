// Links that log an account's own user in; no password is needed or known.

import { fail, urlHost } from 'cofferdam/sdk';
import type { LoginUrl, Service } from 'cofferdam/sdk';

import { requireAccount } from './accounts.ts';
import { connect } from './api.ts';
import type { CpanelContext } from './config.ts';

/**
 * Opens a session of cPanel or of webmail.
 *
 * The link leads to the host of the config, whatever host WHM writes into it.
 */
export async function openSession(
  service: Service,
  target: 'cpaneld' | 'webmaild',
  ctx: CpanelContext,
): Promise<LoginUrl> {
  const whm = connect(ctx);
  const { user } = await requireAccount(whm, service);
  const { url: given, expires } = await whm.openSession(user, target);
  const url = URL.parse(given);
  if (url === null || url.protocol !== 'https:') {
    const what = 'WHM: create_user_session answered with a link that is not https';
    const remedy = 'Turn on "Always redirect to SSL" in the Tweak Settings of WHM';
    throw fail('invalid_response', what, { remedy });
  }
  url.hostname = urlHost(ctx.config.host);
  const expiresAt =
    expires === undefined ? {} : { expiresAt: new Date(expires * 1_000).toISOString() };
  return { url: url.href, ...expiresAt };
}
