// Machines of Proxmox from the order to the removal, where the cluster is slow, deaf or says little.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { CLONE, fails, proxmox, serviceOf, startBench } from '../../vendors/proxmox/bench.ts';
import type { Bench } from '../../vendors/proxmox/bench.ts';

describe('orders at proxmox', { timeout: 60_000 }, () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await startBench();
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  it('knows its machine while nothing in Proxmox says whose it is', async () => {
    bench.fake.taskLooks = 9;
    const of = serviceOf(CLONE);
    bench.fake.vendor.loseReply(/POST .*\/clone/);
    await fails(proxmox.create(of, bench.context()), 'unavailable');
    assert.deepEqual(bench.fake.guests.get(100)?.config, {
      description: ' qmclone temporary file\n',
    });
    const again = await proxmox.create(of, bench.context());
    assert.deepEqual([again.status, bench.fake.guests.size], ['pending', 3]);
    bench.fake.finishTasks();
    const { result } = await bench.settle('create', again, of);
    assert.equal(result.status === 'done' && result.remoteId, '100');
    assert.equal(bench.writes().filter((each) => each.endsWith('/clone')).length, 1);
  });

  it('orders anew when an order never arrived, or was somebody else’s number', async () => {
    const of = serviceOf(CLONE);
    const silent = {
      ...bench.context(),
      fetch: () => Promise.reject(new TypeError('no connection')),
    };
    const { fetch } = bench.context();
    const deaf: typeof globalThis.fetch = (url, init) =>
      init?.method === 'POST' ? silent.fetch() : fetch(url, init);
    await fails(proxmox.create(of, { ...bench.context(), fetch: deaf }), 'unavailable');
    const template = bench.fake.guests.get(9000);
    assert.ok(template);
    bench.fake.guests.set(100, { ...structuredClone(template), vmid: 100, template: false });
    const { result } = await bench.settle('create', await proxmox.create(of, bench.context()), of);
    assert.equal(result.status === 'done' && result.remoteId, '101');
    assert.equal(bench.storage.size, 0);
  });

  it('tries the next number when the task finds its number taken', async () => {
    bench.fake.failNextTask('qmclone', 'unable to create VM 100: config file already exists');
    const of = serviceOf(CLONE);
    const { result } = await bench.settle('create', await proxmox.create(of, bench.context()), of);
    assert.equal(result.status, 'done');
    assert.equal(bench.writes().filter((each) => each.endsWith('/clone')).length, 2);
  });

  it('terminates a machine in the making once it is made', async () => {
    bench.fake.taskLooks = 9;
    const of = serviceOf(CLONE);
    await proxmox.create(of, bench.context());
    const ending = await proxmox.terminate(of, bench.context());
    assert.deepEqual([ending.status, bench.fake.guests.has(100)], ['pending', true]);
    bench.fake.finishTasks();
    bench.fake.taskLooks = 1;
    const { result } = await bench.settle('terminate', ending, of);
    assert.deepEqual(
      [result.status, bench.fake.guests.has(100), bench.storage.size],
      ['done', false, 0],
    );
  });

  it('gives a clone the network of its product, and leaves it its hardware address', async () => {
    const of = serviceOf({ ...CLONE, bridge: 'vmbr1', vlan: 42, rateMbps: 100, firewall: true });
    await bench.settle('create', await proxmox.create(of, bench.context()), of);
    const card = 'virtio=BC:24:11:00:00:01,bridge=vmbr1,firewall=1,tag=42,rate=12.5';
    assert.equal(bench.fake.guests.get(100)?.config['net0'], card);
    const faster = { ...of.product, settings: { ...of.product.settings, rateMbps: 200 } };
    await proxmox.changePackage(
      { ...of, product: faster, previousProduct: of.product },
      bench.context(),
    );
    assert.equal(bench.fake.guests.get(100)?.config['net0'], card.replace('12.5', '25'));
  });

  it('leaves a network that was changed by hand alone when the products do not differ', async () => {
    const of = serviceOf(CLONE);
    await bench.settle('create', await proxmox.create(of, bench.context()), of);
    const guest = bench.fake.guests.get(100);
    assert.ok(guest);
    guest.config['net0'] = 'virtio=BC:24:11:00:00:01,bridge=vmbr9';
    const product = { ...of.product, settings: { ...CLONE, cores: 4 } };
    await proxmox.changePackage({ ...of, product, previousProduct: of.product }, bench.context());
    assert.equal(guest.config['net0'], 'virtio=BC:24:11:00:00:01,bridge=vmbr9');
  });

  it('takes no storage that is missing for a machine that is gone', async () => {
    const of = serviceOf(CLONE);
    await bench.settle('create', await proxmox.create(of, bench.context()), of);
    for (const [message, code] of [
      ["storage 'nas' does not exist", 'rejected'],
      ["can't remove VM 100 - protection mode enabled", 'conflict'],
    ] as const) {
      bench.fake.vendor.answerNext(/DELETE /, { status: 500, json: { data: null, message } });
      const failure = await fails(proxmox.terminate(of, bench.context()), code);
      assert.equal(failure.retriable, false);
      assert.equal(bench.fake.guests.has(100), true);
    }
  });
});
