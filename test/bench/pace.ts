// Asks at a steady rate from a process of its own, however slow the answers are, so that a stall is seen
// by every request that would have been sent during it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { TOKEN } from './processes.ts';

/** Resolves with the latencies' quantiles in milliseconds. */
export async function pace(
  url: string,
  { perSecond, durationMs }: { readonly perSecond: number; readonly durationMs: number },
): Promise<{ readonly p50: number; readonly p99: number }> {
  const script = join(import.meta.dirname, 'paced-load.ts');
  const args = [script, url, TOKEN, String(perSecond), String(durationMs)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  await once(child, 'close');
  return JSON.parse(text) as { p50: number; p99: number };
}
