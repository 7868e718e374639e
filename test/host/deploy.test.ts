// The files that deploy hosts, held against what they name: settings, ports, routes, limits, files. No
// container is built here.

import assert from 'node:assert/strict';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { parse, parseAllDocuments } from 'yaml';

import { LIMITS } from '../../host/limits.ts';
import { parseSettings, SETTING_NAMES } from '../../host/settings.ts';
import { startTestHost } from '../helpers/host.ts';

const ROOT = join(import.meta.dirname, '../..');
const DEPLOY = join(ROOT, 'host/deploy');
const read = (file: string): Promise<string> => readFile(join(DEPLOY, file), 'utf8');

/** What a person puts in for a placeholder. */
const FILLED: Readonly<Record<string, string>> = {
  POSTGRES_PASSWORD: 'password',
  COFFERDAM_MASTER_KEY: Buffer.alloc(32).toString('base64'),
  COFFERDAM_ADMIN_TOKEN: 'an-admin-token-of-a-test',
};
const fill = (text: string): string =>
  text.replaceAll(/\$\{(\w+)[^}]*\}/g, (_all, name: string) => FILLED[name] ?? '');
const portOf = (environment: Record<string, string>): number => parseSettings(environment).port;

async function dockerEnvironment(): Promise<Record<string, string>> {
  const [, pairs = ''] = /^ENV (.*)$/m.exec(await read('Dockerfile')) ?? [];
  return Object.fromEntries(pairs.split(' ').map((pair) => pair.split('=') as [string, string]));
}

describe('the files that deploy hosts', { timeout: 60_000 }, () => {
  it('name no setting that does not exist', async () => {
    const files = await readdir(DEPLOY);
    assert.ok(files.includes('README.md') && files.length >= 6);
    for (const file of files) {
      for (const [name] of (await read(file)).matchAll(/\bCOFFERDAM_[A-Z_]+/g)) {
        assert.ok(SETTING_NAMES.includes(name), `${file} names ${name}`);
      }
    }
  });

  it('ask for health on paths that answer', async () => {
    await using host = await startTestHost();
    const paths = new Set<string>();
    for (const file of await readdir(DEPLOY)) {
      for (const [path] of (await read(file)).matchAll(/\/(?:healthz|readyz|metrics)\b/g)) {
        paths.add(path);
      }
    }
    assert.deepEqual([...paths].toSorted(), ['/healthz', '/readyz']);
    for (const path of paths) assert.equal((await fetch(host.url + path)).status, 200, path);
  });

  it('build an image from files that exist, which runs as a user without rights', async () => {
    const text = await read('Dockerfile');
    const sources = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) =>
      names.split(' '),
    );
    for (const source of ['host/cli/launch.js', ...sources]) await access(join(ROOT, source));
    const kept = (await read('Dockerfile.dockerignore'))
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    assert.deepEqual([...new Set(sources)].toSorted(), kept.toSorted());
    assert.match(text, /^RUN npm ci --omit=dev --ignore-scripts$/m);
    assert.ok(text.indexOf('\nUSER node\n') < text.indexOf('\nCMD ['));
    assert.match(text, /^CMD \["node", "host\/cli\/launch\.js", "start"\]$/m);
    const environment = await dockerEnvironment();
    const { host, port, dataDir } = parseSettings(environment);
    assert.deepEqual([host, port, dataDir], ['0.0.0.0', 7300, '/data']);
    assert.match(text, /^EXPOSE 7300$/m);
    assert.match(text, /127\.0\.0\.1:7300\/healthz/);
  });

  it('compose hosts that start, on the database that is composed with them', async () => {
    const compose = parse(fill(await read('compose.yaml')), { merge: true });
    const { postgres, nginx, ...others } = compose.services;
    assert.deepEqual(Object.keys(others), ['host-1', 'host-2']);
    for (const service of Object.values<any>(others)) {
      const environment = { ...(await dockerEnvironment()), ...service.environment };
      const { databaseUrl = '' } = parseSettings(environment);
      const url = new URL(databaseUrl);
      const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = postgres.environment;
      assert.deepEqual(
        [url.hostname, url.port, url.username, url.password, url.pathname],
        ['postgres', '5432', POSTGRES_USER, POSTGRES_PASSWORD, `/${POSTGRES_DB}`],
      );
      assert.ok(Number.parseInt(service.stop_grace_period, 10) * 1_000 > LIMITS.shutdownMs);
      await access(join(DEPLOY, service.build.context, service.build.dockerfile));
    }
    assert.deepEqual(Object.keys(nginx.depends_on), Object.keys(others));
    const volumes = Object.values<any>(compose.services).flatMap(({ volumes = [] }) => volumes);
    const named = volumes.map((volume: string) => volume.split(':')[0] ?? '');
    for (const name of named) {
      if (name.startsWith('./')) await access(join(DEPLOY, name));
      else assert.ok(name in compose.volumes, name);
    }
  });

  it('put nginx before those hosts, within the limits of calls, streams and uploads', async () => {
    const text = await read('nginx.conf');
    const compose = parse(await read('compose.yaml'), { merge: true });
    const port = portOf(await dockerEnvironment());
    const servers = [...text.matchAll(/^ {2}server (\S+) /gm)].map(([, server]) => server);
    assert.deepEqual(servers, [`host-1:${port}`, `host-2:${port}`]);
    const [, listen] = /listen (\d+);/.exec(text) ?? [];
    assert.deepEqual(compose.services.nginx.ports, [`127.0.0.1:7300:${listen}`]);
    const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1]);
    assert.ok(number(/client_max_body_size (\d+)m;/) * 1024 * 1024 > LIMITS.archiveBytes);
    assert.ok(number(/proxy_read_timeout (\d+)s;/) * 1_000 > LIMITS.wallMsMax);
    assert.ok(number(/proxy_read_timeout (\d+)s;/) * 1_000 > LIMITS.heartbeatMs);
    assert.match(text, /proxy_buffering off;/);
    assert.doesNotMatch(text, /non_idempotent/);
  });

  it('give Kubernetes probes, a port and time to drain that fit', async () => {
    const documents = parseAllDocuments(await read('kubernetes.yaml')).map((document) =>
      document.toJS(),
    );
    const of = (kind: string): any => documents.find((document) => document.kind === kind);
    const { spec } = of('Deployment').spec.template;
    const [container] = spec.containers;
    const secrets = Object.keys(of('Secret').stringData);
    const environment = Object.fromEntries(
      container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
    );
    const given = Object.fromEntries(secrets.map((name) => [name, FILLED[name] ?? 'postgres://x']));
    assert.equal(portOf({ ...environment, ...given }), container.ports[0].containerPort);
    const probes = ['startupProbe', 'livenessProbe', 'readinessProbe'];
    assert.deepEqual(
      probes.map((probe) => container[probe].httpGet),
      ['/healthz', '/healthz', '/readyz'].map((path) => ({ path, port: 'http' })),
    );
    assert.equal(of('Service').spec.ports[0].targetPort, container.ports[0].name);
    assert.deepEqual(of('Service').spec.selector, of('Deployment').spec.template.metadata.labels);
    assert.ok((spec.terminationGracePeriodSeconds - 3) * 1_000 > LIMITS.shutdownMs);
    assert.equal(spec.securityContext.runAsNonRoot, true);
    const mounts = container.volumeMounts.map(({ name }: { name: string }) => name);
    assert.deepEqual(
      mounts,
      spec.volumes.map(({ name }: { name: string }) => name),
    );
  });

  it('let systemd start the launcher, and stop it after it has drained', async () => {
    const unit = await read('cofferdam.service');
    const line = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
    const [, script = ''] = / node (\S+) start$/.exec(line('ExecStart')) ?? [];
    await access(join(ROOT, script));
    const [name = '', value = ''] = line('Environment').split('=');
    assert.equal(parseSettings({ [name]: value }).dataDir, `/var/lib/${line('StateDirectory')}`);
    assert.ok(Number.parseInt(line('TimeoutStopSec'), 10) * 1_000 > LIMITS.shutdownMs);
    // The groups of the cells: a tree to write in, and the end of one cell is not that of all.
    assert.equal(line('Delegate'), 'cpu memory pids');
    assert.equal(line('OOMPolicy'), 'continue');
    // V8 compiles, and the jail of the cells needs its own filters.
    assert.doesNotMatch(
      unit,
      /^(?:MemoryDenyWriteExecute|ProcSubset|SystemCallFilter|ProtectControlGroups)=/m,
    );
  });
});
