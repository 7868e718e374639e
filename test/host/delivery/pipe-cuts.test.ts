// Whatever is asked of a host, the pipe to its cell is cut at the first frame, at the second, and so on, in
// either direction: nothing is lost, nothing done twice, and whoever else is served hears nothing of it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { createWallClock } from '../../helpers/clock.ts';
import { CUTS, watchCells } from '../../helpers/cut-pipes.ts';
import { startFaultyHost } from '../../helpers/faulty-host.ts';
import type { FaultyHost } from '../../helpers/faulty-host.ts';
import { createRandom } from '../../helpers/random.ts';

/** Another one cuts the same frames in other ways. */
const SEED = 20_260_329;
/** More frames than anything here needs. */
const MOST = 60;
const ASKED = [
  ...['a config', 'an installation', 'a webhook and its fact'],
  ...['an operation', 'a charge and its fact'],
];
/** What is finished by the host itself once it was cut off, in an isolate of its own. */
const RESUMED = ['an operation', 'a charge and its fact'];
/** Frames of a resumed call, its start among them. */
const FRAMES_RESUMED = 12;

describe(`the pipe to a cell, cut (seed ${SEED})`, { timeout: 240_000 }, () => {
  const random = createRandom(SEED);
  const below = (most: number): number => Math.floor(random() * most);
  const clock = createWallClock();
  let faulty: FaultyHost;
  /** Frames until the next cut, and those from each cut to the one after it */
  let cuts: number[] = [];
  /** Calls of whoever is served beside, since its process was started */
  let beside = 0;
  let onVendor = (): Promise<void> | undefined => undefined;
  const cells = watchCells(() => {
    const [next, ...later] = cuts;
    if (next === undefined) return undefined;
    cuts = next === 1 ? later : [next - 1, ...later];
    return next === 1 ? CUTS[below(CUTS.length)] : undefined;
  });

  before(async () => {
    clock.start();
    faulty = await startFaultyHost(look, { onVendor: () => onVendor() });
  });
  after(async () => {
    await faulty[Symbol.asyncDispose]();
    clock.stop();
    cells[Symbol.dispose]();
  });

  for (const name of ASKED) {
    it(`${name} can be sent again, wherever it is cut`, () => cutEach(name, () => []));
  }

  for (const name of RESUMED) {
    it(`${name} is whole when it is cut once more while the host finishes it`, () =>
      cutEach(name, () => [1 + below(FRAMES_RESUMED)]));
  }

  for (const name of RESUMED) {
    it(`${name} is whole when its process dies while the vendor works on it`, async () => {
      const { send, isDone } = faulty.subjects[name] ?? assert.fail();
      const id = `vendor-${name.split(' ')[1]}`;
      onVendor = async () => {
        onVendor = () => undefined;
        const killed = faulty.host.nextChange('instance.struck');
        cells.kill();
        await killed;
      };
      assert.equal((await send(id)).status, 502);
      await isDone(id, await faulty.sendUntilTaken(() => send(id)), { mayFail: false });
      beside = 0;
      await faulty.forgive();
    });
  }

  it('leaves nothing open behind', () => faulty.isQuiet());

  /** Cuts at the first frame, at the second, and so on, until what is asked passes untouched. */
  async function cutEach(name: string, more: () => readonly number[]): Promise<void> {
    const { send, isWhole, isDone } = faulty.subjects[name] ?? assert.fail();
    const many = more().length > 0 ? 'twice' : 'once';
    let previous = 'first';
    for (let at = 1; ; at += 1) {
      assert.ok(at < MOST, 'it never passes untouched');
      const id = `${many}${at}-${name.split(' ')[1]}`;
      const planned = [at, ...more()];
      cuts = planned;
      const answer = await send(id);
      const isHit = cuts.length < planned.length;
      if (!isHit || many === 'once') cuts = [];
      await isWhole?.(id, previous);
      const taken = answer.status < 300 ? answer : await faulty.sendUntilTaken(() => send(id));
      cuts = [];
      await isDone(id, taken, { mayFail: true });
      previous = id;
      beside += 1;
      assert.equal(await faulty.beside(), beside);
      await faulty.forgive();
      if (isHit) continue;
      assert.ok(answer.status < 300, JSON.stringify(answer.body));
      return;
    }
  }

  /** Time goes faster while somebody waits: what failed is tried again after five seconds. */
  async function look(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 30));
    clock.jump(300);
  }
});
