// miniflare serving the echo route over HTTP. Argument: a file with the worker.

import { readFile } from 'node:fs/promises';

import { importPeer } from '../../peers.ts';

type Miniflare = new (options: object) => { readonly ready: Promise<URL> };

const [file = ''] = process.argv.slice(2);
const { Miniflare } = await importPeer<{ Miniflare: Miniflare }>('miniflare', 'dist/src/index.js');
const server = new Miniflare({
  modules: true,
  script: await readFile(file, 'utf8'),
  compatibilityDate: '2026-07-01',
});
const url = await server.ready;
process.stdout.write(`${url.origin}\n`);
