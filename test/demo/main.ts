// `npm run demo`: a month of a small hosting company through one real host over HTTP, on the fakes of nine
// panels and four gateways. Exit code 1 when ledger, vendors, panels and affiliates differ by one cent.

import { startTestHost } from '../helpers/host.ts';
import { createRandom } from '../helpers/random.ts';
import { startFakes } from '../vendors/fakes.ts';
import { createCompany } from './company.ts';
import { createTill, GATEWAYS } from './till.ts';

const QUICK = 27;
const WHOLE = 100;
const AFFILIATE = 'partner';

const args = process.argv.slice(2);
const customers = args.includes('--quick') ? QUICK : WHOLE;
const seed = Number(args.find((each) => /^\d+$/.test(each)) ?? 1);

const startedMs = performance.now();
const random = createRandom(seed);
await using fakes = await startFakes();
await using host = await startTestHost({}, { shipped: true, egress: fakes.egress });
for (const [extension, config] of Object.entries(fakes.configs))
  await host.enable(extension, config);
const till = createTill(host, fakes, random);
const company = createCompany(host, fakes, { till, random, affiliate: AFFILIATE });

await company.openProgramme();
for (let number = 0; number < customers; number += 1)
  company.signUp(number, GATEWAYS[number % 4] ?? 'stripe');
await company.publishSignUps();
await company.bill('first');
await till.deliver();
await company.provision();
await company.bill('renewal');
await till.deliver();
await company.suspendUnpaid();
await company.giveBack();
await till.deliver();
await company.terminateSome();

const problems = [...(await till.compare()), ...(await company.compare())];
for (const problem of problems) process.stderr.write(`${problem}\n`);
const seconds = Math.round((performance.now() - startedMs) / 1_000);
process.stdout.write(
  `seed ${seed}: ${customers} customers, ${till.summary()}; ${company.summary()}; ${seconds} s: ` +
    `${problems.length === 0 ? 'everything agrees to the cent' : `${problems.length} differences`}\n`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
