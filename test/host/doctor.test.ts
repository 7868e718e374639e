// The doctor, and what a host says of itself, on this machine and on one whose kernel has no walls.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { examineMachine } from '../../host/cli/doctor.ts';
import { readKernelPowers } from '../../host/jail/kernel.ts';
import { other, startTestHost } from '../helpers/host.ts';
import { NO_WALLS } from '../helpers/kernel.ts';

/** What is promised to an operator, in the words of the doctor. */
const PROMISED = [
  ...['read a file of the system', 'list other processes', 'read the environment of the host'],
  ...['read the data folder of the host', 'write a file', 'open a database'],
  ...['load a native addon from elsewhere', 'start a process'],
  ...['find a secret in its own environment', 'connect over TCP', 'send over UDP'],
  ...['connect to a unix socket', 'signal the host', 'loop for ever'],
  ...['loop for ever after an await', 'block in a native that cannot be stopped'],
  ...['fill the memory', 'fill memory that no heap limit counts'],
  ...['flood its own queue of microtasks', 'flood the host with messages', 'never answer'],
  ...['fetch a host nobody granted', 'outgrow memory, threads, CPU share at once'],
];
/** What Node's permission model alone leaves open. */
const OPEN = ['open a database', 'load a native addon from elsewhere', 'signal the host'];

describe('the doctor', { timeout: 120_000 }, () => {
  it('tries every promise, and finds what this kernel holds', async () => {
    const kernel = readKernelPowers();
    const found = await examineMachine(kernel);
    assert.deepEqual(
      found.map(({ promise }) => promise),
      PROMISED,
    );
    const open = found.filter(({ held, optional }) => !held && optional !== true);
    if (kernel.landlockAbi >= 6 && kernel.seccomp) assert.deepEqual(open, []);
    else console.log(`this kernel leaves open: ${open.map(({ promise }) => promise).join(', ')}`);
    const last = found.at(-1);
    assert.match(last?.layer ?? '', last?.held === true ? /^cgroup v2$/ : /^not present: ./);
  });

  it('names what does not hold where a kernel has no walls', async () => {
    const found = await examineMachine(NO_WALLS);
    const open = found.filter(({ held, optional }) => !held && optional !== true);
    assert.deepEqual(
      open.map(({ promise, layer }) => `${promise}: ${layer}`),
      OPEN.map((promise) => `${promise}: none`),
    );
  });
});

describe('a host on a kernel without walls', { timeout: 60_000 }, () => {
  const extensions = { 'others/stranger': { 'extension.ts': other('return 1;') } };
  const readyz = async (url: string): Promise<any> => (await fetch(`${url}/readyz`)).json();

  it('refuses untrusted extensions and says in /readyz which walls are missing', async () => {
    const settings = { COFFERDAM_ALLOW_UNJAILED: '0' };
    await using host = await startTestHost(extensions, { kernel: NO_WALLS, settings });
    const { ready, checks } = await readyz(host.url);
    assert.deepEqual(
      [ready, checks.wallsNotHeld, checks.unjailedAllowed, typeof checks.cgroup],
      [true, OPEN, false, 'string'],
    );
    const { status, body } = await host.request('POST', '/extensions/others/stranger/enable');
    assert.deepEqual([status, body.code], [503, 'HOST_UNJAILED']);
    assert.match(
      body.detail,
      /open a database, load a native addon from elsewhere, signal the host/,
    );
    assert.match(body.remedy, /cofferdam doctor/);
  });

  it('runs them when an admin has set the flag, and keeps naming the walls', async () => {
    await using host = await startTestHost(extensions, { kernel: NO_WALLS });
    await host.enable('others/stranger');
    assert.equal((await host.call('others/stranger', 'execute')).body.result, 1);
    const { checks } = await readyz(host.url);
    assert.deepEqual([checks.wallsNotHeld, checks.unjailedAllowed], [OPEN, true]);
  });
});
