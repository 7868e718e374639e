// One extension with the attack as its handler, in a real host; what it answered.

import { other, startTestHost } from '../helpers/host.ts';

/** What came of an attack, and of a call to a neighbour after it. */
export type Outcome = {
  readonly code: string | undefined;
  readonly result: unknown;
  readonly neighbour: unknown;
};

/** Runs `body` as `execute` of an untrusted extension. */
export async function attack(body: string): Promise<Outcome> {
  await using host = await startTestHost({
    'others/attack': { 'extension.ts': other(body) },
    'others/neighbour': { 'extension.ts': other("return 'fine';") },
  });
  await host.enable('others/neighbour');
  await host.enable('others/attack');
  const { body: reply } = await host.call('others/attack', 'execute', null, { deadlineMs: 10_000 });
  const { body: after } = await host.call('others/neighbour', 'execute');
  return { code: reply.code, result: reply.result, neighbour: after.result };
}
