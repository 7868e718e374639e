// Loaded before every test file: code that one file compiled need not be compiled again by the next 180,
// nor by the hosts that they start.

import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../node_modules/.cache/cofferdam');
process.env['NODE_COMPILE_CACHE'] ??= folder;
enableCompileCache(process.env['NODE_COMPILE_CACHE']);
