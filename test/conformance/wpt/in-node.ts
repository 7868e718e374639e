// One test file under plain Node, in a process of its own. The job comes as JSON in the first argument,
// the outcome leaves as JSON on stdout.

import { writeSync } from 'node:fs';

import { runTest } from './driver.ts';
import type { DriverJob } from './driver.ts';

// A browser goes on after these; testharness.js hears of what concerns it in other ways.
process.on('uncaughtException', () => undefined);
process.on('unhandledRejection', () => undefined);

const outcome = await runTest(JSON.parse(process.argv[2] ?? '{}') as DriverJob);
const bytes = Buffer.from(JSON.stringify(outcome));
for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
process.exit(0);
