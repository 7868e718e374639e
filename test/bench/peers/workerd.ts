// workerd serving HTTP by itself: one worker, or a loader that starts a worker from text for each new id.

import { build } from 'esbuild';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { workerdProgram } from '../peers.ts';
import { freePort } from '../processes.ts';
import type { Scope } from '../processes.ts';

/** The echo route as a worker. */
export const ECHO_WORKER = `export default {
  async fetch(request) {
    const { input } = await request.json();
    return Response.json({ callId: 'call_0', result: { echo: input }, receipt: {} });
  },
};
`;

const HEAVY_WORKER = `import Stripe from 'stripe';
export default {
  async fetch(request) {
    return Response.json({ version: new Stripe('sk_test_1').getApiField('version') });
  },
};
`;

/** What the extension of the fetch rows does, as a worker; asked nothing, it fetches `url` once. */
export const fetchWorker = (url: string): string => `export default {
  async fetch(request) {
    const { url = '${url}', large, requests = 1, inFlight = 1 } = await request.json();
    if (large) {
      let bytes = 0;
      for await (const chunk of (await fetch(url)).body) bytes += chunk.length;
      return Response.json(bytes);
    }
    let left = requests;
    const loop = async () => { while (left-- > 0) await (await fetch(url)).json(); };
    await Promise.all(Array.from({ length: inFlight }, loop));
    return Response.json(null);
  },
};
`;

/** A worker with the vendor SDK in it, bundled and minified for workerd. */
export async function bundleHeavyWorker(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: HEAVY_WORKER, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    conditions: ['workerd', 'worker'],
  });
  return outputFiles[0]?.text ?? '';
}

/** Starts workerd with one worker, which reaches public addresses or all of them; resolves with its URL and process id. */
export async function startWorkerd(
  scope: Scope,
  modules: Readonly<Record<string, string>>,
  {
    loader = false,
    reachesAll = false,
  }: { readonly loader?: boolean; readonly reachesAll?: boolean } = {},
): Promise<{ readonly url: string; readonly pid: number }> {
  const dir = await scope.folder();
  const port = await freePort();
  await mkdir(dir, { recursive: true });
  for (const [name, text] of Object.entries(modules)) await writeFile(join(dir, name), text);
  const list = Object.keys(modules).map((name) =>
    name.endsWith('.js')
      ? `(name = "${name}", esModule = embed "${name}")`
      : `(name = "${name}", text = embed "${name}")`,
  );
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ (name = "main", worker = .main)${reachesAll ? ', (name = "all", network = (allow = ["private", "public"]))' : ''} ],
  sockets = [ (name = "http", address = "127.0.0.1:${port}", http = (), service = "main") ]
);
const main :Workerd.Worker = (
  modules = [ ${list.join(', ')} ],
  ${loader ? 'bindings = [ (name = "LOADER", workerLoader = (id = "bench")) ],' : ''}
  ${reachesAll ? 'globalOutbound = "all",' : ''}
  compatibilityDate = "2026-11-01"
);
`;
  await writeFile(join(dir, 'config.capnp'), config);
  const child = scope.spawn(workerdProgram(), [
    'serve',
    '--experimental',
    join(dir, 'config.capnp'),
  ]);
  const url = `http://127.0.0.1:${port}`;
  await untilAnswering(url);
  return { url, pid: child.pid ?? 0 };
}

/** Waits until something answers there at all. */
export async function untilAnswering(url: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await (await fetch(url, { method: 'POST', body: '{}' })).text();
      return;
    } catch (error) {
      if (tries > 600) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Starts the worker of text `name` under a new id and passes the request on. */
export const LOADER_WORKER = `import trivial from 'trivial.txt';
import heavy from 'heavy.txt';
const CODE = { trivial, heavy };
export default {
  async fetch(request, { LOADER }) {
    const url = new URL(request.url);
    const which = url.searchParams.get('which');
    if (which === null) return new Response('ready');
    const worker = LOADER.get(which + url.searchParams.get('id'), () => ({
      compatibilityDate: '2026-11-01',
      mainModule: 'main.js',
      modules: { 'main.js': CODE[which] },
    }));
    return worker.getEntrypoint().fetch(request);
  },
};
`;
