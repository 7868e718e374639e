// Whatever is asked of a host, the store fails at its first operation, at its second, and so on, before it
// has done what it was asked or behind that; or the cells die there, or the clock jumps. Afterwards there is the old state or the
// new one, and what is sent again, as a panel or a vendor would, has its effect once.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { HostError } from '../../../host/errors.ts';
import { openStore } from '../../../host/store/open.ts';
import { createWallClock } from '../../helpers/clock.ts';
import { watchCells } from '../../helpers/cut-pipes.ts';
import { startFaultyHost } from '../../helpers/faulty-host.ts';
import type { FaultyHost } from '../../helpers/faulty-host.ts';
import { interceptStore } from '../../helpers/intercept-store.ts';
import type { StoreOperation } from '../../helpers/intercept-store.ts';

/** Looks of the host's own, which come when they come. */
const BACKGROUND: ReadonlySet<string> = new Set([
  ...['claimDeliveries', 'freeLostClaims', 'purgeDeliveries', 'purgeEffects', 'purgeCalls'],
  ...['putCalls', 'deliveries', 'countDeliveries', 'putSightings', 'readClock', 'renewWaits'],
]);
const KINDS = ['before', 'after', 'cell', 'later', 'earlier'] as const;
const WORDS = {
  before: 'that has done nothing:',
  after: 'that has done it all the same:',
  cell: 'that lives, while cells die:',
  later: 'that lives, while the clock jumps ahead:',
  earlier: 'that lives, while the clock falls back:',
} as const;
/** What is asked, and of which failures. */
const ASKED: Readonly<Record<string, readonly Fault['kind'][]>> = {
  'a config': ['before', 'after', 'later', 'earlier'],
  'an installation': ['before', 'after', 'later', 'earlier'],
  'an event': KINDS,
  'a webhook and its fact': KINDS,
  'an operation': KINDS,
  'a charge and its fact': KINDS,
};
/** How far the wall clock jumps: over every deadline and back-off of a call. */
const JUMP_MS = 3_600_000;
/** More operations than anything here has. */
const MOST = 60;

type Fault = { readonly at: number; readonly kind: (typeof KINDS)[number]; done: boolean };

describe('a store that fails once', { timeout: 240_000 }, () => {
  let faulty: FaultyHost;
  let fault: Fault | undefined;
  let count = 0;
  const clock = createWallClock();
  const cells = watchCells();

  before(async () => {
    clock.start();
    faulty = await startFaultyHost(look, {
      // One cell for all: what dies is the same, and four need not be started again each time.
      settings: { COFFERDAM_ISOLATION: 'shared' },
      openStore: async (where) => interceptStore(await openStore(where), failOnce),
    });
  });
  after(async () => {
    await faulty[Symbol.asyncDispose]();
    clock.stop();
    cells[Symbol.dispose]();
  });

  for (const [name, kinds] of Object.entries(ASKED)) {
    let previous = 'first';
    for (const kind of kinds) {
      it(`${WORDS[kind]} ${name} can be sent again`, async () => {
        const { send, isWhole, isDone } = faulty.subjects[name] ?? assert.fail();
        for (let at = 1; ; at += 1) {
          assert.ok(at < MOST, 'it never passes untouched');
          const id = `${kind}${at}-${name.split(' ')[1]}`;
          fault = { at, kind, done: false };
          count = 0;
          const answer = await send(id);
          const isHit = fault.done;
          fault = undefined;
          const mayFail = kind === 'cell';
          if (mayFail) await faulty.forgive();
          await isWhole?.(id, previous);
          const taken = answer.status < 300 ? answer : await faulty.sendUntilTaken(() => send(id));
          await isDone(id, taken, { mayFail });
          previous = id;
          if (isHit) continue;
          assert.ok(answer.status < 300, JSON.stringify(answer.body));
          assert.ok(at > 2, 'nothing was tried');
          return;
        }
      });
    }
  }

  it('leaves nothing open behind', () => faulty.isQuiet());

  async function failOnce({ name, run }: StoreOperation): Promise<unknown> {
    if (fault === undefined || fault.done || BACKGROUND.has(name)) return run();
    count += 1;
    if (count !== fault.at) return run();
    fault.done = true;
    if (fault.kind === 'cell') {
      cells.kill();
      return run();
    }
    if (fault.kind === 'later' || fault.kind === 'earlier') {
      clock.jump(fault.kind === 'later' ? JUMP_MS : -JUMP_MS);
      return run();
    }
    if (fault.kind === 'after') await run();
    throw new HostError('HOST_STORE_FAILED', `The store failed in "${name}"`);
  }
});

function look(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}
