// A file is saved: how long until the new code answers. Ours over HTTP with the sandbox, the peers as they
// are used while developing.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { importPeer, peerPath } from '../peers.ts';
import { divide, inTurns, median } from '../measure.ts';
import type { Effort, Result } from '../measure.ts';
import { untilAnswering } from '../peers/workerd.ts';
import { CALL_PATH, freePort, Scope, startEchoHost, TOKEN, writeExtension } from '../processes.ts';

/** Saves version after version and asks until it answers. */
type Side = {
  readonly file: string;
  readonly text: (version: number) => string;
  readonly ask: () => Promise<number>;
};

const trivialText = (version: number): string =>
  `import { defineOther } from 'cofferdam/sdk';\nexport default defineOther({ async execute() { return ${version}; } });\n`;
const heavyText = (version: number): string =>
  `import { defineOther } from 'cofferdam/sdk';\nimport Stripe from 'stripe';\nexport default defineOther({ async execute() { new Stripe('sk_test_1'); return ${version}; } });\n`;
const plainText = (version: number): string => `export const answer = () => ${version};\n`;
const plainHeavyText = (version: number): string =>
  `import Stripe from 'stripe';\nexport const answer = () => { new Stripe('sk_test_1'); return ${version}; };\n`;
const workerText = (version: number): string =>
  `export default { async fetch() { return new Response('${version}'); } };\n`;
const workerHeavyText = (version: number): string =>
  `import Stripe from 'stripe';\nexport default { async fetch() { new Stripe('sk_test_1'); return new Response('${version}'); } };\n`;

/** Every side waits for its own change while the others are quiet. */
export async function saveRows({ rounds }: Effort): Promise<Result[]> {
  await using scope = new Scope();
  const sides = {
    ours: await startOurs(scope, trivialText),
    oursHeavy: await startOurs(scope, heavyText),
    vite: await startVite(scope, plainText),
    viteHeavy: await startVite(scope, plainHeavyText),
    wrangler: await startWrangler(scope, workerText),
    wranglerHeavy: await startWrangler(scope, workerHeavyText),
  };
  let version = 1;
  const save = async ({ file, text, ask }: Side): Promise<number> => {
    version += 1;
    // So that a watcher that joins changes has forgotten the one before.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const started = performance.now();
    await writeFile(file, text(version));
    const until = started + 20_000;
    while ((await ask()) !== version) {
      if (performance.now() > until) throw new Error(`"${file}" was saved, but nothing changed`);
    }
    return performance.now() - started;
  };
  const turns = Object.fromEntries(
    Object.entries(sides).map(([name, side]) => [name, () => save(side)]),
  ) as Record<keyof typeof sides, () => Promise<number>>;
  // The first rebuild of each is not like the others.
  for (const turn of Object.values(turns)) await turn();
  const taken = await inTurns(Math.max(5, rounds * 2), turns);
  const ms = (values: readonly number[]): string => `${median(values).toFixed(1)} ms`;
  const row = (
    what: string,
    atMost: number,
    [ours, theirs]: readonly [readonly number[], readonly number[]],
  ): Result => ({
    what: `save → new code answering, ${what}`,
    unit: '×',
    target: { atMost },
    values: divide(ours, theirs),
    note: `${ms(ours)} against ${ms(theirs)}`,
  });
  return [
    row('trivial, against wrangler dev', 1 / 25, [taken.ours, taken.wrangler]),
    row('770 KB dependency, against wrangler dev', 1 / 25, [taken.oursHeavy, taken.wranglerHeavy]),
    row('trivial, against vite in process without a sandbox', 1.7, [taken.ours, taken.vite]),
    row('770 KB dependency, against vite', 1.7, [taken.oursHeavy, taken.viteHeavy]),
  ];
}

async function startOurs(scope: Scope, text: Side['text']): Promise<Side> {
  const { url, folder } = await startEchoHost(scope, text(0), { COFFERDAM_WATCH: '1' });
  const options = {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: '{}',
  };
  return {
    file: join(folder, 'extension.ts'),
    text,
    ask: async () => {
      const reply = (await (await fetch(url + CALL_PATH, options)).json()) as { result?: number };
      return reply.result ?? -1;
    },
  };
}

type Vite = {
  createServer(options: object): Promise<{
    readonly watcher: { once(event: 'change', listener: () => void): void };
    ssrLoadModule(path: string): Promise<{ answer(): number }>;
    close(): Promise<void>;
  }>;
};

/** In this process: no sandbox, no HTTP. Loads the module after the watcher has seen the change. */
async function startVite(scope: Scope, text: Side['text']): Promise<Side> {
  const root = await writeExtension(await scope.folder(), 'vite', text(0));
  const { createServer } = await importPeer<Vite>('vite', 'dist/node/index.js');
  const server = await createServer({
    root,
    configFile: false,
    logLevel: 'silent',
    appType: 'custom',
    server: { middlewareMode: true, ws: false },
    optimizeDeps: { noDiscovery: true },
  });
  scope.defer(() => server.close());
  const file = join(root, 'extension.ts');
  let changed = Promise.withResolvers<void>();
  const listen = (): void => {
    changed = Promise.withResolvers<void>();
    server.watcher.once('change', () => changed.resolve());
  };
  listen();
  await server.ssrLoadModule(file);
  return {
    file,
    text,
    async ask() {
      // Vite may hear of the change a moment after us: then nothing else is coming to wait for.
      await Promise.race([changed.promise, new Promise((resolve) => setTimeout(resolve, 10))]);
      const { answer } = await server.ssrLoadModule(file);
      listen();
      return answer();
    },
  };
}

async function startWrangler(scope: Scope, text: Side['text']): Promise<Side> {
  const root = await writeExtension(await scope.folder(), 'wrangler', text(0));
  const port = await freePort();
  const inspector = await freePort();
  const config = { name: 'bench', main: 'extension.ts', compatibility_date: '2026-07-01' };
  await writeFile(join(root, 'wrangler.json'), JSON.stringify(config));
  const manifest = JSON.parse(await readFile(peerPath('wrangler', 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
  };
  const program = peerPath('wrangler', manifest.bin['wrangler'] ?? '');
  const args = ['dev', '--port', String(port), '--ip', '127.0.0.1', '--cwd', root];
  scope.spawn(
    process.execPath,
    [
      program,
      ...args,
      '--inspector-port',
      String(inspector),
      '--show-interactive-dev-session=false',
    ],
    {
      HOME: root,
      PATH: process.env['PATH'] ?? '',
      WRANGLER_SEND_METRICS: 'false',
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      CI: '1',
    },
  );
  const url = `http://127.0.0.1:${port}`;
  await untilAnswering(url);
  return {
    file: join(root, 'extension.ts'),
    text,
    ask: async () => Number(await (await fetch(url)).text()),
  };
}
