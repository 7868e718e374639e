// One extension with the attack as its handler, in a real host beside a neighbour; what it answered.

import assert from 'node:assert/strict';

import { APP_FOLDER } from '../../host/jail/spawn.ts';
import { manifestFor, other, startTestHost } from '../helpers/host.ts';
import type { Answer } from '../helpers/host.ts';

/** What came of an attack, and of a call to a neighbour after it. */
export type Outcome = {
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly result: any;
  readonly neighbour: unknown;
};

/** Milliseconds an attack has before its call ends by the deadline. */
const DEADLINE_MS = 10_000;

/**
 * Runs `body` as `execute` of an untrusted extension; `before` stands above it in the same file.
 *
 * After every attack, whatever it was: the neighbour answers, no prototype of the host has changed, and
 * nothing that came back names a folder of the host.
 */
export async function attack(
  body: string,
  {
    before = '',
    input = null,
    manifest = {},
  }: { readonly before?: string; readonly input?: unknown; readonly manifest?: object } = {},
): Promise<Outcome> {
  await using host = await startTestHost({
    'others/attack': {
      'extension.ts': other(body, before),
      'manifest.json': JSON.stringify(manifestFor('others/attack', manifest)),
    },
    'others/neighbour': { 'extension.ts': other("return 'fine';") },
  });
  await host.enable('others/neighbour');
  await host.enable('others/attack');
  const answer = await host.call('others/attack', 'execute', input, { deadlineMs: DEADLINE_MS });
  const { body: after } = await host.call('others/neighbour', 'execute');
  assertUnharmed(answer, host.dir);
  assert.equal(after.result, 'fine');
  const { code, detail, result } = answer.body;
  return { code, detail, result, neighbour: after.result };
}

/** What must hold after any attack; the host is this very process. */
function assertUnharmed({ body, headers }: Answer, dir: string): void {
  const said = JSON.stringify([body, [...headers]]);
  for (const folder of [dir, APP_FOLDER, 'node_modules', 'isolated-vm']) {
    assert.ok(!said.includes(folder), `"${folder}" is in ${said.slice(0, 2_000)}`);
  }
  assert.deepEqual(Object.keys(Object.prototype), []);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
}
