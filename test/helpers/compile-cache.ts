// The same by the name that it had before.

import './compile-cache.js';
