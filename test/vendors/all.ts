// Every operation of every shipped extension, really run in the sandbox against its vendor's fake.

import { EVENT_NAMES } from '../../plugins/others/discordnotifications/events.ts';
import type { TestHost } from '../helpers/host.ts';
import type { Fakes } from './fakes.ts';
import { runGateways } from './table-gateways.ts';
import { runOthers } from './table-others.ts';
import { runPanel } from './table-servers.ts';
import { createTable } from './table.ts';
import type { Row } from './table.ts';

/** Enables them all on a host whose requests are led to the fakes, and runs everything once. */
export async function runAll(host: TestHost, fakes: Fakes): Promise<readonly Row[]> {
  const table = createTable(host);
  const configs = {
    ...fakes.configs,
    'others/discordnotifications': {
      ...fakes.configs['others/discordnotifications'],
      events: EVENT_NAMES,
    },
  };
  for (const [extension, config] of Object.entries(configs)) {
    const run = table.runner(extension);
    await run('enable', () => host.enable(extension, config));
    await run('testConnection', async () => {
      const { body } = await host.request('POST', `/extensions/${extension}/test`);
      if (body.ok !== true) throw new Error(JSON.stringify(body));
    });
  }
  for (const panel of fakes.panels) await runPanel(table, panel);
  await runGateways(table, fakes);
  await runOthers(table, fakes);
  return table.rows;
}
