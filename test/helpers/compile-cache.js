// Loaded before every test file, and into what starts hosts: code that one process compiled need not be
// compiled again by the next 200. Plain JavaScript: nothing is kept of what is loaded before, and to make
// JavaScript of TypeScript costs each process 50 ms.

import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../node_modules/.cache/cofferdam');
process.env.NODE_COMPILE_CACHE ??= folder;
enableCompileCache(process.env.NODE_COMPILE_CACHE);
