// An extension's files as the archive that hosts take, and the request that uploads it.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { packFolder } from '../../host/cli/pack.ts';
import { ADMIN_TOKEN } from './host.ts';
import type { Answer } from './host.ts';

/** Packs files as the folder `name`. */
export async function packFiles(
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<Buffer> {
  const dir = await mkdtemp(join(tmpdir(), 'cofferdam-pack-'));
  try {
    for (const [file, text] of Object.entries(files)) {
      const path = join(dir, name, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
    return await packFolder(join(dir, name));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Uploads an archive to a host; `query` begins with a question mark. */
export async function upload(url: string, archive: Buffer, query = ''): Promise<Answer> {
  const form = new FormData();
  form.append('archive', new Blob([new Uint8Array(archive)]), 'extension.tgz');
  const response = await fetch(`${url}/api/v1/admin/extensions${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: form,
  });
  return { status: response.status, body: await response.json(), headers: response.headers };
}
