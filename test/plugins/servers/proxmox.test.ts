import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, describe, it } from 'node:test';

import type { JsonObject } from 'cofferdam/sdk';

import { CLONE, fails, proxmox, serviceOf, startBench } from '../../vendors/proxmox/bench.ts';
import type { Bench } from '../../vendors/proxmox/bench.ts';
import { TOKEN_ID, TOKEN_SECRET } from '../../vendors/proxmox/fake.ts';
import type { FakeProxmox } from '../../vendors/proxmox/fake.ts';
import { HAS_SPEC } from '../../vendors/proxmox/spec.ts';

const LXC = {
  node: 'pve2',
  type: 'lxc',
  source: 'template',
  ostemplate: 'local:vztmpl/alpine-3.22.tar.xz',
  storage: 'local-lvm',
  memoryMiB: 256,
  diskGiB: 4,
};
const ISO = {
  node: 'pve1',
  type: 'qemu',
  source: 'iso',
  iso: 'local:iso/debian-13.iso',
  storage: 'local-lvm',
  diskGiB: 10,
};

describe('proxmox', { timeout: 60_000 }, () => {
  let bench: Bench;
  let fake: FakeProxmox;
  before(() => {
    if (!HAS_SPEC)
      console.log(
        'skipped: requests are not checked against ../shared/specs/proxmox-9.1.3.json, which is absent',
      );
  });
  beforeEach(async () => {
    bench = await startBench();
    ({ fake } = bench);
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  const context: Bench['context'] = (...given) => bench.context(...given);
  const settle: Bench['settle'] = (...given) => bench.settle(...given);
  const writes: Bench['writes'] = () => bench.writes();

  it('tests the connection and names privileges that are missing', async () => {
    assert.deepEqual(await proxmox.testConnection(context()), {
      ok: true,
      message: 'Proxmox VE 9.1.3 answers',
    });
    fake.privileges = ['VM.Audit'];
    const result = await proxmox.testConnection(context());
    assert.equal(result.ok, false);
    assert.match(result.message ?? '', /VM\.Allocate/);
  });

  it('sends the token in the one header and reports a wrong one with a remedy', async () => {
    await proxmox.testConnection(context());
    assert.equal(fake.requests[0]?.authorization, `PVEAPIToken=${TOKEN_ID}=${TOKEN_SECRET}`);
    const { remedy } = await fails(proxmox.testConnection(context('wrong-secret')), 'unauthorized');
    assert.match(remedy ?? '', /credentials/);
  });

  it('clones, configures, grows the disk and starts, each after the task before it', async () => {
    const of = serviceOf(
      CLONE,
      {},
      { hostname: 'web1.example.com', sshKeys: 'ssh-ed25519 AAAAC3Nz me@home' },
    );
    const first = await proxmox.create(of, context());
    const { result, oneTime } = await settle('create', first, of);
    assert.equal(result.status, 'done');
    assert.deepEqual(result.properties, { vmid: 100, node: 'pve1', type: 'qemu', upid: null });
    const guest = fake.guests.get(100);
    assert.equal(guest?.status, 'running');
    assert.equal(guest.config['name'], 'web1.example.com');
    assert.equal(guest.config['scsi0'], 'local-lvm:base-9000-disk-0,size=20G');
    assert.equal(guest.config['cipassword'], oneTime['password']);
    assert.match(String(oneTime['password']), /^[A-Za-z2-9]{20}$/);
    assert.equal(guest.config['sshkeys'], 'ssh-ed25519%20AAAAC3Nz%20me%40home');
    assert.deepEqual(writes(), [
      'POST /nodes/pve1/qemu/9000/clone',
      'PUT /nodes/pve1/qemu/100/config',
      'PUT /nodes/pve1/qemu/100/resize',
      'POST /nodes/pve1/qemu/100/status/start',
    ]);
  });

  it('answers pending while a task runs, and goes on by reconcile', async () => {
    fake.taskLooks = 6;
    const of = serviceOf(CLONE);
    const first = await proxmox.create(of, context());
    assert.equal(first.status, 'pending');
    assert.equal(fake.guests.get(100)?.lock, 'clone');
    const { result } = await settle('create', first, of);
    assert.equal(result.status, 'done');
    assert.equal(fake.guests.get(100)?.status, 'running');
  });

  it('makes a machine from an ISO with a disk it can boot from', async () => {
    const of = serviceOf(ISO);
    const { result } = await settle('create', await proxmox.create(of, context()), of);
    assert.equal(result.status, 'done');
    const config = fake.guests.get(100)?.config ?? {};
    assert.equal(config['scsi0'], 'local-lvm:vm-100-disk-0,size=10G');
    assert.equal(config['ide2'], 'local:iso/debian-13.iso,media=cdrom');
    assert.equal(config['boot'], 'order=scsi0;ide2;net0');
  });

  it('makes a container and tells its password once', async () => {
    const of = serviceOf(LXC, {}, { hostname: 'box' });
    const { result, oneTime } = await settle('create', await proxmox.create(of, context()), of);
    assert.equal(result.status, 'done');
    const created = fake.requests.find(
      ({ method, path }) => method === 'POST' && path === '/nodes/pve2/lxc',
    );
    assert.equal(created?.params['password'], oneTime['password']);
    assert.equal(created?.params['unprivileged'], '1');
    assert.equal(
      JSON.stringify(result.status === 'done' ? result.properties : {}).includes(
        String(oneTime['password']),
      ),
      false,
    );
  });

  it('creates nothing twice when the reply was lost', async () => {
    const of = serviceOf(CLONE);
    fake.vendor.loseReply(/POST .*\/clone/);
    await fails(proxmox.create(of, context()), 'unavailable');
    fake.finishTasks();
    const { result } = await settle('create', await proxmox.create(of, context()), of);
    assert.equal(result.status === 'done' && result.remoteId, '100');
    assert.equal(writes().filter((each) => each.endsWith('/clone')).length, 1);
    await proxmox.create(serviceOf(CLONE, { vmid: 100, node: 'pve1' }), context());
    assert.equal(fake.guests.size, 3);
  });

  it('takes the next id when somebody else was faster', async () => {
    fake.vendor.answerNext(/GET .*\/cluster\/nextid/, { status: 200, json: { data: '9000' } });
    const of = serviceOf(CLONE);
    const { result } = await settle('create', await proxmox.create(of, context()), of);
    assert.equal(result.status === 'done' && result.remoteId, '100');
  });

  it('gives two concurrent creates two machines', async () => {
    const [a, b] = [serviceOf(CLONE, {}, {}, 'a'), serviceOf(CLONE, {}, {}, 'b')];
    const [first, second] = await Promise.all([
      proxmox.create(a, context()),
      proxmox.create(b, context()),
    ]);
    const ids = [
      (await settle('create', first, a)).result,
      (await settle('create', second, b)).result,
    ];
    assert.equal(
      new Set(ids.map((each) => (each.status === 'failed' ? '' : each.remoteId))).size,
      2,
    );
  });

  it('creates nothing when the look-up itself failed', async () => {
    fake.vendor.answerNext(/GET .*\/cluster\/resources/, {
      status: 500,
      json: { data: null, message: 'cluster not ready - no quorum?' },
    });
    await fails(proxmox.create(serviceOf(CLONE), context()), 'rejected');
    assert.deepEqual(writes(), []);
  });

  it('says in Proxmox’s words why a task failed', async () => {
    fake.failNextTask('qmclone', 'unable to create image: got lock timeout - aborting command');
    const of = serviceOf(CLONE);
    const failure = await fails(proxmox.create(of, context()), 'locked');
    assert.match(failure.message, /got lock timeout/);
    assert.equal(failure.retriable, true);
  });

  it('stops before it suspends for good, and a restart of the node leaves it off', async () => {
    const of = serviceOf(CLONE);
    await settle('create', await proxmox.create(of, context()), of);
    assert.equal((await proxmox.suspend(of, context())).status, 'done');
    assert.equal(fake.guests.get(100)?.status, 'stopped');
    assert.equal(fake.guests.get(100)?.config['onboot'], '0');
    const before = writes().length;
    assert.equal((await proxmox.suspend(of, context())).status, 'done');
    assert.deepEqual(writes().slice(before), ['PUT /nodes/pve1/qemu/100/config']);
    assert.equal((await proxmox.unsuspend(of, context())).status, 'done');
    assert.equal(fake.guests.get(100)?.status, 'running');
    assert.equal(fake.guests.get(100)?.config['onboot'], '1');
  });

  it('terminates a running machine: stop, wait, remove', async () => {
    fake.taskLooks = 2;
    const of = serviceOf(CLONE);
    await settle('create', await proxmox.create(of, context()), of);
    const { result } = await settle('terminate', await proxmox.terminate(of, context()), of);
    assert.equal(result.status, 'done');
    assert.equal(fake.guests.has(100), false);
    const removal = fake.requests.find(({ method }) => method === 'DELETE');
    assert.equal(removal?.params['purge'], '1');
    assert.equal((await proxmox.terminate(of, context())).status, 'done');
  });

  it('never removes a machine that got the id after ours was gone', async () => {
    const of = serviceOf(CLONE);
    await settle('create', await proxmox.create(of, context()), of);
    const guest = fake.guests.get(100);
    assert.ok(guest);
    guest.config = { name: 'somebody-else' };
    assert.equal(
      (
        await proxmox.terminate(
          serviceOf(CLONE, { vmid: 100, node: 'pve1', type: 'qemu' }),
          context(),
        )
      ).status,
      'done',
    );
    assert.equal(fake.guests.has(100), true);
  });

  it('tells a refusal from a machine that is not there', async () => {
    fake.vendor.answerNext(/GET .*\/cluster\/resources/, {
      status: 403,
      json: { data: null, message: 'Permission check failed' },
    });
    await fails(proxmox.terminate(serviceOf(CLONE), context()), 'forbidden');
    await fails(proxmox.suspend(serviceOf(CLONE), context()), 'not_found');
  });

  it('recognises a web page where the API should be', async () => {
    fake.vendor.answerNext(/GET .*\/version/, {
      status: 200,
      html: '<html><body>Welcome</body></html>',
    });
    const failure = await fails(proxmox.testConnection(context()), 'invalid_response');
    assert.match(failure.message, /HTML page/);
    fake.vendor.answerNext(/GET .*\/version/, { status: 502, html: '<html>Bad gateway</html>' });
    await fails(proxmox.testConnection(context()), 'unavailable');
  });

  it('names the parameter that Proxmox does not take', async () => {
    fake.vendor.answerNext(/PUT .*\/config/, {
      status: 400,
      json: {
        data: null,
        message: 'Parameter verification failed.',
        errors: { cores: 'value must have a maximum value of 128' },
      },
    });
    const of = serviceOf(CLONE);
    const failure = await fails(proxmox.create(of, context()), 'rejected');
    assert.match(failure.message, /cores: value must have a maximum/);
  });

  it('lets a customer change nothing that the admin set', async () => {
    const of = serviceOf(
      CLONE,
      {},
      { hostname: 'web', cores: 64, memoryMiB: 999_999, template: 9001, node: 'pve2' },
    );
    await settle('create', await proxmox.create(of, context()), of);
    const guest = fake.guests.get(100);
    assert.deepEqual(
      [guest?.node, guest?.config['cores'], guest?.config['memory']],
      ['pve1', '2', '2048'],
    );
    const problems = await proxmox.validate(
      { product: of.product, checkout: { hostname: '-bad-', sshKeys: 'not a key' } },
      context(),
    );
    assert.deepEqual(
      problems.map(({ field }) => field),
      ['hostname', 'sshKeys'],
    );
  });

  it('changes the package, grows the disk and refuses to shrink it', async () => {
    const of = serviceOf(CLONE);
    await settle('create', await proxmox.create(of, context()), of);
    const larger = { ...of.product, settings: { ...CLONE, cores: 4, diskGiB: 40 } };
    const changed = await proxmox.changePackage(
      { ...of, product: larger, previousProduct: of.product },
      context(),
    );
    assert.equal(changed.status, 'done');
    assert.equal(fake.guests.get(100)?.config['cores'], '4');
    assert.match(fake.guests.get(100)?.config['scsi0'] ?? '', /size=40G/);
    await fails(
      proxmox.changePackage({ ...of, previousProduct: larger }, context()),
      'invalid_input',
    );
  });

  it('offers what the cluster really has, and asks again when the node changes', async () => {
    const fields = await proxmox.productConfig(
      { node: 'pve1', type: 'qemu', source: 'clone' },
      context(),
    );
    const options = (name: string) =>
      fields.find((field) => field.name === name)?.options?.map(({ value }) => value);
    assert.deepEqual(options('node'), ['pve1', 'pve2']);
    assert.deepEqual(options('template'), [9000]);
    assert.deepEqual(options('storage'), ['local-lvm']);
    assert.deepEqual(options('bridge'), ['vmbr0', 'vmbr1']);
    const lxc = await proxmox.productConfig(
      { node: 'pve1', type: 'lxc', source: 'template' },
      context(),
    );
    assert.deepEqual(
      lxc.find(({ name }) => name === 'ostemplate')?.options?.map(({ value }) => value),
      ['local:vztmpl/alpine-3.22.tar.xz'],
    );
  });

  it('shows usage, addresses and its machines, and a console link that says what it is', async () => {
    const of = serviceOf(CLONE);
    await settle('create', await proxmox.create(of, context()), of);
    const [cpu, memory] = await proxmox.usage(of, context());
    assert.deepEqual([cpu?.used, memory?.limit], [25, 2 ** 30]);
    assert.deepEqual((await proxmox.info(of, context()))['addresses'], ['192.0.2.15']);
    const [listed] = await proxmox.list({}, context());
    assert.deepEqual([listed?.remoteId, listed?.status], ['100', 'active']);
    const { console: open } = proxmox.actions;
    assert.ok(open);
    const shown = await open.run({ subject: of, values: {} }, context());
    assert.equal(shown.url, 'https://pve.example.com:8006/?console=kvm&novnc=1&node=pve1&vmid=100');
    const { oneTime } = (await proxmox.changePassword({ service: of }, context())) as {
      oneTime: JsonObject;
    };
    assert.match(String(oneTime['password']), /^[A-Za-z2-9]{20}$/);
  });
});
