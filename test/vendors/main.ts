// `npm run vendors`: every operation of every shipped extension, really run in the sandbox against its
// vendor's fake. Prints a table; exit code 1 when an operation fails or a description refuses a request.

import { EVENT_NAMES } from '../../plugins/others/discordnotifications/messages.ts';
import { startTestHost } from '../helpers/host.ts';
import { startFakes } from './fakes.ts';
import { runGateways } from './table-gateways.ts';
import { runOthers } from './table-others.ts';
import { runPanel } from './table-servers.ts';
import { createTable, print } from './table.ts';

await using fakes = await startFakes();
await using host = await startTestHost({}, { shipped: true, egress: fakes.egress });
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

const { text, failed } = print(table.rows);
process.stdout.write(text);
// These fakes answer a request all the same; the others refuse it, and the operation fails.
const refused = [...fakes.stripe.problems, ...fakes.paypal.problems, ...fakes.mollie.problems];
for (const problem of refused) process.stderr.write(`refused by its description: ${problem}\n`);
process.exitCode = failed + refused.length === 0 ? 0 : 1;
