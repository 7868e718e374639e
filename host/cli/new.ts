// `cofferdam new`: the folder of a new extension that builds, runs and has a test.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseCategory } from '../catalog/catalog.ts';
import type { Category } from '../catalog/categories.ts';
import { isExtensionName } from '../catalog/names.ts';
import { SCHEMA_FILE, writeEditorFiles } from './editor-files.ts';
import { readArgs, UsageError } from './usage.ts';
import type { Command } from './usage.ts';

export const create: Command = {
  usage: 'new <category/name> [root]',
  summary: 'Make the folder of a new extension',
  details:
    'category is servers, gateways or others; root is the folder that holds the categories (default .).\n' +
    'Beside them it leaves tsconfig.json and manifest.schema.json for editors, when they are not there.',
  async run(args) {
    const { positionals } = readArgs(args, { options: {}, positionals: ['extension', 'root?'] });
    const [category = '', name = '', ...rest] = (positionals[0] ?? '').split('/');
    const known = parseCategory(category);
    if (rest.length > 0 || !isExtensionName(name)) {
      throw new UsageError(
        `"${name}" is no name for an extension: it must match [a-z0-9][a-z0-9-]{0,62}`,
      );
    }
    const folder = join(positionals[1] ?? '.', known, name);
    await mkdir(join(folder, '..'), { recursive: true });
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') throw new UsageError(`"${folder}" exists already`);
      throw error;
    });
    for (const [file, text] of Object.entries(filesFor(known, name))) {
      await writeFile(join(folder, file), text, { flag: 'wx' });
    }
    const root = positionals[1] ?? '.';
    await writeEditorFiles(root);
    process.stdout.write(`${folder}\n\nNext: npx cofferdam dev ${root}\n`);
    return 0;
  },
};

function filesFor(category: Category, name: string): Record<string, string> {
  const manifest = {
    $schema: `../../${SCHEMA_FILE}`,
    apiVersion: 1,
    name,
    description: 'What it does, in one sentence',
    version: '0.1.0',
    author: 'You',
    license: 'MIT',
    category,
    capabilities: { fetch: { hosts: ['api.example.com'], reason: 'Why it talks to this host' } },
    secrets: { apiKey: { hosts: ['api.example.com'], in: ['header'] } },
  };
  return {
    'manifest.json': `${JSON.stringify(manifest, undefined, 2)}\n`,
    'extension.ts': CODE[category],
    'extension.test.ts': TEST,
    'README.md': readme(category, name),
  };
}

function readme(category: Category, name: string): string {
  const id = `${category}/${name}`;
  return `# ${name}

What an admin sets up at the vendor, and what this cannot do.

\`\`\`
npx cofferdam check ${id}     # manifest and code, every problem at its place
npx cofferdam test ${id}      # *.test.ts
npx cofferdam dev .           # a host that reloads what you save
npx cofferdam pack ${id}      # ${name}.tgz, for "npx cofferdam install"
\`\`\`
`;
}

const CONFIG = `  config: z.object({
    apiKey: secret({ label: 'API key' }),
  }),

  async testConnection({ config, fetch }) {
    // The key is a stand-in here; the host puts the real one in on the way out.
    const headers = { authorization: \`Bearer \${config.apiKey}\` };
    const response = await fetch('https://api.example.com/me', { headers });
    return { ok: response.ok, message: \`The API answered \${response.status}\` };
  },
`;

const CODE: Readonly<Record<Category, string>> = {
  servers: `import { defineServer, fail, secret, z } from 'cofferdam/sdk';

export default defineServer({
${CONFIG}
  async create(service) {
    throw fail('unsupported', \`Creating \${service.product.name} is not written yet\`);
  },
  async suspend() {
    return { status: 'done' };
  },
  async unsuspend() {
    return { status: 'done' };
  },
  async terminate() {
    return { status: 'done' };
  },
});
`,
  gateways: `import { defineGateway, fail, secret, z } from 'cofferdam/sdk';

export default defineGateway({
${CONFIG}
  async pay({ invoice }) {
    throw fail('unsupported', \`Paying invoice \${invoice.id} is not written yet\`);
  },
  async webhook() {
    return { facts: [] };
  },
});
`,
  others: `import { defineOther, secret, z } from 'cofferdam/sdk';

export default defineOther({
${CONFIG}
  async execute(input, { log }) {
    log.info('executed', { input });
    return { done: true };
  },
});
`,
};

const TEST = `import assert from 'node:assert/strict';
import { it } from 'node:test';

import { createTestContext } from 'cofferdam/sdk/testing';

import extension from './extension.ts';

it('reports an answer of the API', async () => {
  const fetch = async () => new Response('{}');
  const context = createTestContext({ config: { apiKey: 'sealed:test' }, fetch });
  const result = await extension.testConnection?.(context);
  assert.equal(result?.ok, true);
});
`;
