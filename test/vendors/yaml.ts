// Vendors' descriptions in YAML, megabytes of it. What they say is kept as JSON beside the packages: to read
// it from there takes a hundredth of the time, and thirty processes of a test run want it.

import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type * as Yaml from 'yaml';

const KEPT = join(import.meta.dirname, '../../node_modules/.cache/cofferdam');
const require = createRequire(import.meta.url);

/** The value of a file, with no more than JSON can say. */
export function readYaml(file: URL | string): unknown {
  const text = readFileSync(file, 'utf8');
  const hash = createHash('sha256').update(text).digest('hex');
  const kept = join(KEPT, `yaml-${hash}.json`);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8'));
  const { parse } = require('yaml') as typeof Yaml;
  const json = JSON.stringify(parse(text));
  mkdirSync(KEPT, { recursive: true });
  // Whoever reads meanwhile has all of it or nothing.
  const half = `${kept}.${randomUUID()}`;
  writeFileSync(half, json);
  renameSync(half, kept);
  return JSON.parse(json);
}
