// Cases of kind build: a hostile folder or archive is offered to the host; nothing of its surroundings
// may show in a reply, a bundle or a log, and nothing outside may change.

import { execFile } from 'node:child_process';
import { access, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

import { Header } from 'tar';

import { manifestFor } from '../helpers/host.ts';
import type { AttackHost } from './host.ts';

type FileValue =
  | string
  | { symlink: string }
  | { fifo: true }
  | { text: string; repeat: string; count: number; tail?: string }
  | { series: number; text: string };
type ArchiveEntry = {
  name?: string;
  data?: string;
  type?: string;
  link?: string;
  linkname?: string;
  series?: number;
};

/** A case of the corpus. */
export type BuildCase = {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly files: Readonly<Record<string, FileValue>>;
  readonly outside: Readonly<Record<string, string>>;
  readonly archive?: readonly ArchiveEntry[];
  readonly expect: {
    readonly verdict: 'refused' | 'clean' | 'limited';
    readonly must_not_contain: readonly string[];
    readonly within_ms: number;
  };
};

/** @returns What is wrong; nothing when the case passes */
export async function runBuildCase(host: AttackHost, attack: BuildCase): Promise<string[]> {
  const name = attack.id.toLowerCase();
  // The folder of the case lies two below a root of its own, as the corpus has it beside "outside".
  const root = join(host.root, 'others');
  const folder = join(root, name);
  const fill = (text: string): string =>
    text.replaceAll('{{ROOT}}', root).replaceAll('ext/', `${name}/`);
  for (const [file, text] of Object.entries(attack.outside)) await put(join(root, file), text);
  const started = performance.now();
  const text =
    attack.archive === undefined
      ? await offerFolder(host, attack, { name, folder, fill })
      : (await host.upload(pack(attack.archive))).text;
  const problems: string[] = [];
  const tookMs = performance.now() - started;
  if (tookMs > attack.expect.within_ms + 15_000) problems.push(`took ${Math.round(tookMs)} ms`);
  const refused = /"code":"(?:EXTENSION_|CALLER_)|"problems":\[\{/.test(text);
  if (attack.expect.verdict === 'refused' && !refused)
    problems.push(`not refused: ${text.slice(0, 200)}`);
  const kept = await databaseText(host);
  for (const canary of attack.expect.must_not_contain) {
    const bare = canary.replaceAll('{{ROOT}}', root);
    if (text.includes(bare)) problems.push(`the reply shows "${bare}"`);
    if (kept.includes(bare)) problems.push(`a stored bundle holds "${bare}"`);
    if (host.output().includes(bare)) problems.push(`the log shows "${bare}"`);
  }
  for (const [file, before] of Object.entries(attack.outside)) {
    if ((await readFile(join(root, file), 'utf8')) !== before)
      problems.push(`"${file}" was changed`);
  }
  for (const place of [root, join(root, 'outside'), host.dir]) {
    const found = (await readdir(place).catch(() => [])).filter((each) => each.startsWith('PWNED'));
    if (found.length > 0) problems.push(`"${found.join()}" was made in ${place}`);
  }
  if (host.exited()) problems.push('the host ended');
  return problems;
}

async function offerFolder(
  host: AttackHost,
  attack: BuildCase,
  { name, folder, fill }: { name: string; folder: string; fill: (text: string) => string },
): Promise<string> {
  for (const [file, value] of Object.entries(attack.files)) {
    await putValue(join(dirname(folder), fill(file)), value, fill);
  }
  const entry = join(folder, 'extension.ts');
  const exists = await access(entry).then(
    () => true,
    () => false,
  );
  if (!exists) {
    await put(
      entry,
      "import * as all from './index';\nimport { defineOther } from 'cofferdam/sdk';\nexport default defineOther({ execute: async () => Object.keys(all) });\n",
    );
  }
  const manifest = join(folder, 'manifest.json');
  await writeFile(manifest, JSON.stringify(manifestFor(`others/${name}`)), { flag: 'wx' }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    },
  );
  return (await host.request('GET', `/extensions/others/${name}/config`)).text;
}

async function putValue(
  path: string,
  value: FileValue,
  fill: (text: string) => string,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (typeof value === 'string') return put(path, fill(value));
  if ('symlink' in value) return symlink(fill(value.symlink), path);
  if ('fifo' in value) return void (await promisify(execFile)('mkfifo', [path]));
  if ('series' in value) {
    for (let at = 0; at < value.series; at += 1) {
      const number = (text: string): string =>
        text.replaceAll('{i+1}', String(at + 1)).replaceAll('{i}', String(at));
      await put(number(path), number(fill(value.text)));
    }
    return;
  }
  return put(path, fill(value.text) + value.repeat.repeat(value.count) + (value.tail ?? ''));
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

async function databaseText(host: AttackHost): Promise<string> {
  const files = ['cofferdam.db', 'cofferdam.db-wal'].map((file) => join(host.dir, 'data', file));
  const texts = files.map((file) => readFile(file, 'latin1').catch(() => ''));
  return (await Promise.all(texts)).join('');
}

const TYPES: Readonly<Record<string, '0' | '1' | '2' | '5'>> = {
  file: '0',
  hardlink: '1',
  link: '1',
  symlink: '2',
  directory: '5',
  dir: '5',
};

/** A .tgz with exactly these entries, hostile names and all. */
function pack(entries: readonly ArchiveEntry[]): Uint8Array {
  const blocks: Buffer[] = [];
  for (const entry of entries) {
    for (let at = 0; at < Math.min(entry.series ?? 1, 200_000); at += 1) {
      const data = Buffer.from(entry.data ?? '');
      const path = (entry.name ?? 'x').replaceAll('{i}', String(at));
      const header = new Header({
        path,
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: data.length,
        mtime: new Date(0),
        type: ({ '0': 'File', '1': 'Link', '2': 'SymbolicLink', '5': 'Directory' } as const)[
          TYPES[entry.type ?? 'file'] ?? '0'
        ],
        linkpath: entry.linkname ?? entry.link ?? '',
      });
      const block = Buffer.alloc(512);
      header.encode(block);
      blocks.push(block, data, Buffer.alloc((512 - (data.length % 512)) % 512));
    }
  }
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1_024)]));
}
