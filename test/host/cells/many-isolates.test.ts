import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setInterval } from 'node:timers/promises';

import { LIMITS } from '../../../host/limits.ts';
import { ADMIN_TOKEN, other, startTestHost } from '../../helpers/host.ts';

const NAMES = ['first', 'second'];

it(
  'holds many isolates in one process, and those that are too many in another',
  { timeout: 60_000 },
  async () => {
    // Trusted extensions share a cell: what V8 reserves for each isolate must fit its limits.
    await using host = await startTestHost(
      Object.fromEntries(
        NAMES.map((name) => [`others/${name}`, { 'extension.ts': other("return 'fine';") }]),
      ),
      { settings: { COFFERDAM_ISOLATION: 'shared' } },
    );
    const cells = async (): Promise<number> => {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      const text = await (await fetch(`${host.url}/metrics`, { headers })).text();
      return Number(/^cofferdam_cells (\d+)$/m.exec(text)?.[1]);
    };
    for (let at = 0; at < LIMITS.isolatesPerCell + 10; at += 1) {
      const path = `/extensions/others/${NAMES[at % 2]}/instances`;
      await host.request('POST', path, { instance: `i${at}` });
      const { status, body } = await host.request('POST', `${path}/i${at}/enable`);
      assert.equal(status, 200, JSON.stringify(body));
      const reply = await host.request('POST', `${path}/i${at}/calls/execute`, {});
      assert.equal(reply.body.result, 'fine', JSON.stringify(reply.body));
    }
    // Another spare follows a moment after the last one was taken.
    for await (const _ of setInterval(20)) if ((await cells()) === 2 + LIMITS.spareCells) break;
  },
);
