// A month of a small hosting company through one real host over HTTP, on the fakes of nine panels, four
// gateways and a bank.

import { startTestHost } from '../helpers/host.ts';
import { startFakes } from '../vendors/fakes.ts';
import { createCompany } from './company.ts';
import { createPartners } from './partners.ts';
import { createPlant } from './plant.ts';
import type { PlantName } from './plant.ts';
import { createTill, settled } from './till.ts';

/** Runs it. @returns Every difference in the end, and a sentence about what happened */
export async function runMonth({
  customers,
  seed,
  plants = [],
}: {
  readonly customers: number;
  readonly seed: number;
  readonly plants?: readonly PlantName[];
}): Promise<{ readonly problems: readonly string[]; readonly summary: string }> {
  const random = createRandom(seed);
  const plant = createPlant(plants);
  await using fakes = await startFakes();
  await using host = await startTestHost({}, { shipped: true, egress: fakes.egress });
  for (const [extension, config] of Object.entries(fakes.configs))
    await host.enable(extension, config);
  const till = createTill(host, fakes, { random, plant });
  const partners = createPartners(host);
  const company = createCompany(host, fakes, { till, partners, random, plant });

  await partners.join();
  for (let number = 0; number < customers; number += 1) company.signUp(number);
  await company.publishSignUps();
  await company.billAll();
  await till.deliver();
  await company.provision();
  await company.upgrade();
  await company.renew();
  await till.deliver();
  await company.suspendUnpaid();
  await company.payLate();
  await till.deliver();
  await partners.payOut();
  await company.giveBack();
  await till.deliver();
  await company.terminate();
  await settled(host);

  const problems = [...(await till.compare()), ...(await company.compare())];
  const { body } = await host.request('GET', '/deliveries?state=dead');
  for (const { type, error } of body.deliveries) problems.push(`given up: ${type}, ${error}`);
  return { problems, summary: `${till.summary()}; ${company.summary()}` };
}

/** Numbers from 0 to 1 that follow from the seed alone (mulberry32). */
function createRandom(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
