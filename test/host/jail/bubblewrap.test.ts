import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

import { wrapInBubblewrap } from '../../../host/jail/bubblewrap.ts';
import { findBubblewrap } from '../../../host/jail/kernel.ts';
import { probeWalls } from '../../../host/jail/walls.ts';
import { LIMITS } from '../../../host/limits.ts';
import { other, startTestHost } from '../../helpers/host.ts';
import { NO_WALLS } from '../../helpers/kernel.ts';

const bubblewrap = findBubblewrap();
const skip =
  bubblewrap === undefined ? 'bubblewrap is not installed here: its walls were not tried' : false;

describe('the fallback for kernels without Landlock', { timeout: 60_000 }, () => {
  it('holds every promise when bubblewrap is installed', { skip }, async () => {
    const walls = await probeWalls({ ...NO_WALLS, bubblewrap });
    const open = walls.filter(({ held }) => !held).map(({ promise }) => promise);
    assert.deepEqual(open, []);
    const signal = walls.find(({ promise }) => promise === 'signal the host');
    assert.match(signal?.layer ?? '', /bubblewrap/);
  });

  it('says what is open when there is no bubblewrap either', async () => {
    const walls = await probeWalls(NO_WALLS);
    const open = walls.filter(({ held }) => !held).map(({ promise }) => promise);
    assert.ok(open.includes('open a database'), open.join());
    for (const { held, layer } of walls) assert.equal(layer === 'none', !held);
  });

  it('has no folder that takes a file, not even in memory', { skip }, async () => {
    const code =
      "for (const folder of ['/', '/dev', '/dev/shm', '/tmp', '/usr', process.cwd()]) { try { require('fs').writeFileSync(folder + '/x', 'x'); console.log(folder); } catch {} }";
    const [program = '', ...args] = wrapInBubblewrap(bubblewrap ?? '', {
      read: [],
      mayStartProcesses: false,
      command: [process.execPath, '-e', code],
    });
    const { stdout } = await promisify(execFile)(program, args);
    assert.equal(stdout, '');
  });

  it('lets the watchdog see the process behind it, not bubblewrap itself', { skip }, async () => {
    const kernel = { ...NO_WALLS, bubblewrap };
    const fill =
      "const all: any[] = []; const more = () => { for (let at = 0; at < 50; at += 1) all.push(new Intl.DateTimeFormat('de')); setTimeout(more, 1); }; more(); await new Promise(() => {});";
    const stuck = 'let n = 7n ** 3_000_000n; for (let at = 0; at < 20; at += 1) n *= n; return 1;';
    await using host = await startTestHost(
      {
        'others/fills': { 'extension.ts': other(fill) },
        'others/stuck': { 'extension.ts': other(stuck) },
      },
      { kernel },
    );
    await host.enable('others/fills');
    await host.enable('others/stuck');
    const deadlineMs = 30_000;
    const fills = await host.call('others/fills', 'execute', null, { deadlineMs });
    assert.equal(fills.body.code, 'EXTENSION_MEMORY_EXCEEDED', fills.body.detail);
    const killed = host.nextChange('cell.killed');
    await host.call('others/stuck', 'execute', null, { deadlineMs });
    const { cause, detail } = (await killed).data;
    assert.equal(cause, 'silent');
    assert.ok(Number(/\d+/.exec(detail)?.[0]) < LIMITS.starvedGraceMs, detail);
  });
});
