// `npm run vendors`: every operation of every shipped extension, really run in the sandbox against its
// vendor's fake. Prints a table; exit code 1 when an operation fails or a description refuses a request.

import { startTestHost } from '../helpers/host.ts';
import { runAll } from './all.ts';
import { startFakes } from './fakes.ts';
import { print } from './table.ts';

await using fakes = await startFakes();
await using host = await startTestHost({}, { shipped: true, egress: fakes.egress });

const { text, failed } = print(await runAll(host, fakes));
process.stdout.write(text);
// These fakes answer a request all the same; the others refuse it, and the operation fails.
const refused = [...fakes.stripe.problems, ...fakes.paypal.problems, ...fakes.mollie.problems];
for (const problem of refused) process.stderr.write(`refused by its description: ${problem}\n`);
process.exitCode = failed + refused.length === 0 ? 0 : 1;
