// Cases of kind sandbox and exhaustion: one extension each, called once, verdict and host checked.

import { residentMiB } from './host.ts';
import { CANARIES } from './host.ts';
import type { AttackHost } from './host.ts';
import { manifestFor } from '../helpers/host.ts';

/** A case of the corpus. */
export type GuestCase = {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly code: string;
  readonly needs?: readonly string[];
  readonly expect: {
    readonly verdict: 'blocked' | 'contained' | 'terminated';
    readonly within_ms?: number | string;
    readonly host_rss_growth_mb_max?: number;
    readonly max_error_bytes?: number;
  };
};

const DEADLINE_MS = 3_000;
const PEER_MS = 250;
const LIMITS =
  /^(?:EXTENSION_(?:CPU|MEMORY|QUOTA)_EXCEEDED|EXTENSION_(?:TIMED_OUT|CRASHED|OUTPUT_INVALID)|EGRESS_LIMIT)$/;

/** Writes a case as an extension `others/<its id>`. */
export async function writeCase(
  write: AttackHost['write'],
  { id, code }: Pick<GuestCase, 'id' | 'code'>,
): Promise<void> {
  const name = `others/${id.toLowerCase()}`;
  const manifest = manifestFor(name, {
    capabilities: { fetch: { hosts: ['allowed.example'] }, storage: { quotaBytes: 100_000 } },
  });
  await write(name, 'manifest.json', JSON.stringify(manifest));
  await write(name, 'case.js', `export default async function (ctx) {\n${code}\n};\n`);
  await write(name, 'extension.ts', EXTENSION);
}

/** @returns What is wrong; nothing when the case passes */
export async function runGuestCase(host: AttackHost, attack: GuestCase): Promise<string[]> {
  const name = attack.id.toLowerCase();
  const path = `/extensions/others/${name}`;
  await writeCase(host.write, attack);
  const enabled = await host.request('POST', `${path}/enable`);
  if (enabled.status !== 200) {
    // Refused while building or loading: nothing of the case has run.
    const refused = /"code":"EXTENSION_/.test(enabled.text);
    return checkHost(
      host,
      enabled.text,
      refused ? [] : [`cannot enable: ${enabled.text.slice(0, 200)}`],
    );
  }

  const problems: string[] = [];
  const before = await residentMiB(host.pid);
  const started = performance.now();
  let settled = false;
  const call = host
    .request('POST', `${path}/calls/execute`, { deadlineMs: DEADLINE_MS })
    .finally(() => (settled = true));
  let slowest = 0;
  do {
    const pinged = performance.now();
    const peer = await host.request('POST', '/extensions/others/peer/calls/execute');
    slowest = Math.max(slowest, performance.now() - pinged);
    if (peer.status !== 200 || !peer.text.includes('"pong"'))
      problems.push(`peer: ${peer.text.slice(0, 200)}`);
    if (!settled) await new Promise((resolve) => setTimeout(resolve, 20));
  } while (!settled);
  const { text } = await call;
  const tookMs = performance.now() - started;
  if (slowest > PEER_MS) problems.push(`peer took ${Math.round(slowest)} ms`);
  problems.push(...judge(attack, text, tookMs));
  const grown = (await residentMiB(host.pid)) - before;
  if (grown > (attack.expect.host_rss_growth_mb_max ?? 64))
    problems.push(`host grew by ${Math.round(grown)} MiB`);
  await host.request('POST', `${path}/disable`);
  return checkHost(host, text, problems);
}

function judge({ expect }: GuestCase, text: string, tookMs: number): string[] {
  const reply = JSON.parse(text) as { result?: unknown; code?: string };
  const result = typeof reply.result === 'string' ? reply.result : '';
  const problems: string[] = [];
  if (result.startsWith('ESCAPED')) problems.push(result.slice(0, 300));
  const more = Number(/^limit\+(\d+)$/.exec(String(expect.within_ms))?.[1] ?? 6_500);
  if (tookMs > DEADLINE_MS + more) problems.push(`settled after ${Math.round(tookMs)} ms`);
  if (
    expect.max_error_bytes !== undefined &&
    reply.code !== undefined &&
    text.length > expect.max_error_bytes * 2
  ) {
    problems.push(`error of ${text.length} bytes`);
  }
  if (expect.verdict === 'terminated') {
    const fine =
      LIMITS.test(reply.code ?? '') ||
      /^(?:blocked|contained)/.test(result) ||
      reply.code === 'EXTENSION_THREW';
    if (!fine) problems.push(`not terminated: ${text.slice(0, 200)}`);
  }
  return problems;
}

async function checkHost(host: AttackHost, text: string, problems: string[]): Promise<string[]> {
  if (host.exited()) return [...problems, 'the host ended'];
  const shown = text + host.output();
  for (const [name, canary] of Object.entries(CANARIES)) {
    if (shown.includes(canary)) problems.push(`the ${name} canary was shown`);
  }
  if (/unhandledRejection|uncaughtException/.test(host.output()))
    problems.push('the host had an unhandled error');
  const { status } = await host.request('GET', '/extensions');
  if (status !== 200) problems.push(`the host answers ${status}`);
  return problems;
}

const EXTENSION = `import { defineOther } from 'cofferdam/sdk';
import main from './case.js';
const documentedGlobals = ['URL', 'URLSearchParams', 'URLPattern', 'TextEncoder', 'TextDecoder', 'TextEncoderStream',
  'TextDecoderStream', 'CompressionStream', 'DecompressionStream', 'atob', 'btoa', 'structuredClone', 'queueMicrotask',
  'setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', 'AbortController', 'AbortSignal', 'Event', 'CustomEvent',
  'EventTarget', 'DOMException', 'Headers', 'Request', 'Response', 'FormData', 'Blob', 'File', 'Crypto', 'CryptoKey',
  'SubtleCrypto', 'crypto', 'console', 'Performance', 'performance', 'MessageChannel', 'MessageEvent', 'MessagePort', 'navigator', 'self', 'fetch', 'ByteLengthQueuingStrategy',
  'CountQueuingStrategy', 'ReadableByteStreamController', 'ReadableStream', 'ReadableStreamBYOBReader',
  'ReadableStreamBYOBRequest', 'ReadableStreamDefaultController', 'ReadableStreamDefaultReader', 'TransformStream',
  'TransformStreamDefaultController', 'WritableStream', 'WritableStreamDefaultController', 'WritableStreamDefaultWriter'];
export default defineOther({
  async execute(_input: any, ctx: any) {
    return (main as any)({ fetch: ctx.fetch, config: ctx.config, logger: ctx.log, storage: ctx.storage, documentedGlobals });
  },
} as any);
`;
