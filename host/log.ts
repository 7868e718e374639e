// The host's own log: JSON lines on stdout, with every known secret cut out before a line leaves.

import { pino } from 'pino';
import type { Logger } from 'pino';

import type { Settings } from './settings.ts';

/** Makes the logger. Only main.ts calls it. */
export function createLog(level: Settings['logLevel']): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // Headers never reach a line by our own doing; this holds when a library logs a request.
    redact: {
      paths: ['req.headers.authorization', 'req.headers.cookie', '*.authorization', '*.secret'],
      censor: '[redacted]',
    },
  });
}
