// Affiliates: who sent a customer, what they earn by it, and what is paid out to them.

import { defineOther, fail } from 'cofferdam/sdk';

import { actions } from './actions.ts';
import { config } from './config.ts';
import { keepTerms } from './programme.ts';
import { pages } from './pages.ts';
import { reactions } from './react.ts';

export default defineOther({
  config,

  async testConnection({ storage }) {
    const some = await storage.list('affiliate:', { limit: 1 });
    return {
      ok: true,
      message: some.length === 0 ? 'Ready; nobody is an affiliate yet' : 'Ready',
    };
  },

  /** A visit, for panels that know `execute` only: `{type: "visit", code, visitorId?}`. */
  async execute(input, ctx) {
    const values =
      typeof input === 'object' && input !== null && !Array.isArray(input) ? input : {};
    if (values['type'] === 'visit') return (await actions.visit.run({ values }, ctx)).data ?? null;
    throw fail('invalid_input', `Cannot execute type "${String(values['type'])}"`, {
      remedy: 'Use {"type": "visit", "code": "…"}, an action or a page',
    });
  },

  on: reactions,

  async onEnable({ storage, config }) {
    await keepTerms(storage, config, Date.now());
  },

  async onConfigChange(_previous, { storage, config }) {
    await keepTerms(storage, config, Date.now());
  },

  pages,
  actions,
});
