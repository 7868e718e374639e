// The Announcements extension with a storage of its own, for its tests.

import assert from 'node:assert/strict';

import type { JsonObject } from 'cofferdam/sdk';

import definition from '../../plugins/others/announcements/extension.ts';
import { createTestContext, handlersOf } from '../helpers/context.ts';

/** The extension with all handlers there. */
export const extension = handlersOf(definition);

export const ADMIN = { id: 'boss', role: 'admin' };
export const SITE = 'https://panel.example.com';

/** A board with nothing on it. */
export function startBoard(values: JsonObject = {}) {
  const config = extension.config.parse({ siteUrl: `${SITE}/`, ...values });
  const fetch = async (): Promise<never> => {
    throw new TypeError('Announcements asks for no network');
  };
  const ctx = createTestContext({ config, fetch });
  let operations = 0;
  return {
    ctx,
    async act(name: string, values: JsonObject, actor: JsonObject = ADMIN): Promise<any> {
      const action = extension.actions[name];
      assert.ok(action, `no action "${name}"`);
      operations += 1;
      const call = { ...ctx.call, operationId: `op-${operations}` };
      return await action.run({ subject: {}, values, actor }, { ...ctx, call });
    },
    async page(name: string, params: JsonObject = {}, viewer?: JsonObject): Promise<any> {
      const page = extension.pages[name];
      assert.ok(page, `no page "${name}"`);
      return await page({ params, ...(viewer === undefined ? {} : { viewer }) }, ctx);
    },
  };
}
