// Three hosts on one database, and the way to them: whoever sends something goes on to the next host when
// the one that was meant is away.

import { join } from 'node:path';

import { startHostProcess } from '../helpers/host-process.ts';
import type { HostProcess, Reply } from '../helpers/host-process.ts';
import { EXTENSIONS } from './extensions.ts';
import { HOSTS } from './plan.ts';

/** The hosts. */
export type Cluster = AsyncDisposable & {
  /** Asks a host, or the next one that answers with anything but 503. */
  request(host: number, ...asked: Parameters<HostProcess['request']>): Promise<Reply>;
  /** SIGKILL; the same host starts again at once. Resolves when it is dead. */
  kill(host: number): Promise<void>;
  /** Resolves when every host that was killed is back. */
  whole(): Promise<void>;
};

/** What they are started with. */
export type ClusterOptions = {
  readonly dir: string;
  readonly databaseUrl: string;
  readonly vendorPort: number;
  readonly panelUrl: string;
};

const PAUSE_MS = 20;

/** Starts them with their extensions enabled. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { dir, databaseUrl, vendorPort, panelUrl } = options;
  const start = (host: number): Promise<HostProcess> =>
    startHostProcess({
      dir,
      vendorPort,
      settings: {
        DATA_DIR: join(dir, `data-${host}`),
        DATABASE_URL: databaseUrl,
        MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
        PANEL_URL: panelUrl,
        PANEL_SECRET: 'whsec_Y2hhb3MtcGFuZWwtc2VjcmV0LTAwMDE=',
      },
    });
  const first = await start(0);
  for (const each of EXTENSIONS) {
    const { status, body } = await first.request('POST', `/admin/extensions/${each}/enable`);
    if (status !== 200) throw new Error(`${each}: ${JSON.stringify(body)}`);
  }
  const others = Array.from({ length: HOSTS - 1 }, (_, at) => start(at + 1));
  const hosts: (HostProcess | undefined)[] = [first, ...(await Promise.all(others))];
  const starting = new Set<Promise<void>>();
  return {
    async request(host, ...asked) {
      for (let at = host; ; at = (at + 1) % HOSTS) {
        // Whatever stops a request on its way is what a sender meets when a host dies: it asks another.
        const reply = await hosts[at]?.request(...asked).catch(() => undefined);
        if (reply !== undefined && reply.status !== 503) return reply;
        await pause(PAUSE_MS);
      }
    },
    async kill(host) {
      const dying = hosts[host];
      hosts[host] = undefined;
      await dying?.kill();
      const started = start(host).then((again) => {
        hosts[host] = again;
        starting.delete(started);
      });
      starting.add(started);
    },
    async whole() {
      await Promise.all(starting);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(starting);
      for (const host of hosts) await host?.kill();
    },
  };
}

/** Between two looks at something that nobody tells of. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
