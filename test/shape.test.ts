// Rules about the project itself that a linter does not know: documents and code say the same thing.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { it } from 'node:test';

import { ERROR_CODES } from '../host/errors.ts';
import { STATUS_BY_CODE } from '../host/http/problems.ts';
import { parseManifest } from '../host/catalog/manifest.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

it('documents every failure code with its status', async () => {
  const rows = [...(await read('host/README.md')).matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \|/gm)];
  const documented = Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]));
  assert.deepEqual(documented, { ...STATUS_BY_CODE });
  assert.deepEqual(Object.keys(STATUS_BY_CODE), [...ERROR_CODES]);
});

it('keeps the bridge of the sandbox short enough to be read in one go', async () => {
  const lines = (await read('host/guest/bridge.ts')).split('\n').length;
  assert.ok(lines < 200, `host/guest/bridge.ts has ${lines} lines`);
});

it('gives every dependency an exact version and a line in the README', async () => {
  const manifest = JSON.parse(await read('package.json')) as Record<string, Record<string, string>>;
  const readme = await read('README.md');
  const all = { ...manifest['dependencies'], ...manifest['optionalDependencies'] };
  for (const [name, version] of Object.entries(all)) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
    if (!name.startsWith('node-'))
      assert.ok(readme.includes(name), `${name} has no line in README.md`);
  }
});

it('names every setting and every command in the README', async () => {
  const readme = await read('README.md');
  const settings = await read('host/settings.ts');
  const schema = settings.slice(
    settings.indexOf('z.strictObject({'),
    settings.indexOf('export function'),
  );
  for (const [, name] of schema.matchAll(/^ {2}([A-Z_]+):/gm)) {
    assert.ok(readme.includes(`\`${name}\``), `${name} is not in README.md`);
  }
  const main = await read('host/cli/main.ts');
  const commands = [...main.matchAll(/^ +'?([\w-]+)'?: async \(\) => \(await import\(/gm)];
  assert.ok(commands.length > 15);
  for (const [, name = ''] of commands) {
    assert.match(
      readme,
      new RegExp(`\`[^\`]*\\b${name}\\b[^\`]*\``),
      `${name} is not in README.md`,
    );
  }
});

it('ships extensions with valid manifests, a README and an icon', async () => {
  for (const category of ['servers', 'gateways', 'others']) {
    for (const name of await readdir(join(ROOT, 'plugins', category))) {
      const folder = `plugins/${category}/${name}`;
      const result = parseManifest(await read(`${folder}/manifest.json`), category);
      assert.ok(result.ok, `${folder}: ${JSON.stringify(result)}`);
      const files = await readdir(join(ROOT, folder));
      for (const file of ['README.md', 'icon.svg', 'extension.ts'])
        assert.ok(files.includes(file), `${folder} has no ${file}`);
    }
  }
});

/** Every file of a shipped extension, by its path below `plugins`. */
async function pluginFiles(): Promise<string[]> {
  const files = await readdir(join(ROOT, 'plugins'), { recursive: true });
  return files.filter((file) => file.endsWith('.ts') && !file.includes('node_modules'));
}

it('keeps every file of a shipped extension short enough to be read in one go', async () => {
  const long: string[] = [];
  for (const file of await pluginFiles()) {
    const lines = (await read(`plugins/${file}`)).trimEnd().split('\n').length;
    if (lines > 200) long.push(`${file} has ${lines} lines`);
  }
  assert.deepEqual(long, []);
});

/** How the handlers of an extension follow each other, in every category. */
const HANDLERS = [
  ...['config', 'testConnection', 'health', 'create', 'suspend', 'unsuspend', 'terminate'],
  ...['getLoginUrl', 'changePackage', 'renew', 'changePassword', 'usage', 'list', 'info'],
  ...['productConfig', 'checkoutConfig', 'validate', 'pay', 'webhook', 'refund', 'capture', 'void'],
  ...['charge', 'createBillingAgreement', 'cancelBillingAgreement', 'cancelSubscription', 'canUse'],
  ...['execute', 'on', 'reconcile', 'onInstall', 'onEnable', 'onConfigChange', 'onDisable'],
  ...['onUninstall', 'onUpgrade', 'onSuspend', 'onResume', 'onSchedule', 'pages', 'actions'],
  'category',
];

it('gives the handlers of every shipped extension one order', async () => {
  const extensions = (await pluginFiles()).filter((file) => file.endsWith('/extension.ts'));
  assert.ok(extensions.length >= 16);
  for (const file of extensions) {
    const { default: definition } = await import(join(ROOT, 'plugins', file));
    const names = Object.keys(definition);
    assert.deepEqual(
      names,
      HANDLERS.filter((name) => names.includes(name)),
      file,
    );
  }
});

/** The rooms of host from the top down; one may import those that stand below it. */
const FLOORS = [
  ...['cli', 'console', 'main', 'http', 'delivery', 'lifecycle', 'recorder', 'broker', 'metrics'],
  ...[
    'tracing',
    'ledger',
    'capabilities',
    'store',
    'cells',
    'catalog',
    'build',
    'sandbox',
    'guest',
  ],
  ...[
    'product',
    'jail',
    'protocol',
    'changes',
    'grants',
    'scope',
    'cancellation',
    'deadline',
    'log',
    'settings',
    'window-count',
    'frames',
    'limits',
    'errors',
  ],
];

it('lets imports of host run downwards, types included', async () => {
  const host = join(ROOT, 'host');
  const files = (await readdir(host, { recursive: true })).filter((file) => /\.tsx?$/.test(file));
  const roomOf = (path: string): string => (path.split('/')[0] ?? '').replace(/\.ts$/, '');
  const upwards: string[] = [];
  for (const file of files) {
    const text = await readFile(join(host, file), 'utf8');
    for (const [, specifier = ''] of text.matchAll(/(?:from|import) '(\.[^']+)'/g)) {
      const target = join(dirname(file), specifier);
      if (target.startsWith('..')) continue;
      const [from, to] = [roomOf(file), roomOf(target)];
      assert.ok(FLOORS.includes(from) && FLOORS.includes(to), `${from} or ${to} has no floor`);
      if (FLOORS.indexOf(from) > FLOORS.indexOf(to)) upwards.push(`${file} → ${target}`);
    }
  }
  assert.deepEqual(upwards, []);
});

it('assigns no function literal to a property, which V8 would keep until a full collection', async () => {
  const literal = /^.*\.#?\w+ (?:\?\?)?= (?:async )?(?:\([^)]*\)(?:: [^=]+)?|\w+) =>.*$/gm;
  const found: string[] = [];
  for (const room of ['host', 'sdk']) {
    const files = await readdir(join(ROOT, room), { recursive: true });
    for (const file of files.filter((name) => name.endsWith('.ts'))) {
      const text = await readFile(join(ROOT, room, file), 'utf8');
      for (const [line] of text.matchAll(literal)) found.push(`${room}/${file}: ${line.trim()}`);
    }
  }
  assert.deepEqual(found, []);
});
