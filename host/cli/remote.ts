// Commands that ask a running host: call, replay, logs.

import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

import { CLIENT_HELP, CLIENT_OPTIONS, createClient, instancePath, printAnswer } from './client.ts';
import { plain } from './problems.ts';
import { readArgs, UsageError } from './usage.ts';
import type { Command } from './usage.ts';

export const call: Command = {
  usage: 'call <category/name[/instance]> <handler> [json]',
  summary: 'Run a handler of an enabled instance',
  details: `${CLIENT_HELP}
--key    Idempotency key: a repeat gets the stored outcome
json     The input; "-" reads it from stdin`,
  async run(args) {
    const { values, positionals } = readArgs(args, {
      options: { ...CLIENT_OPTIONS, key: { type: 'string' } },
      positionals: ['extension', 'handler', 'json?'],
    });
    const [subject, handler = '', json] = positionals;
    const path = `${instancePath(subject)}/calls/${encodeURIComponent(handler)}`;
    const input = json === '-' ? await readStdin() : (json ?? 'null');
    assertJson(input);
    const client = createClient(values);
    const { key } = values;
    const headers = typeof key === 'string' ? { 'idempotency-key': key } : {};
    return printAnswer(await client.request('POST', path, `{"input":${input}}`, headers));
  },
};

export const replay: Command = {
  usage: 'replay <callId> [--live]',
  summary: 'Run a recorded call again, without effects unless --live',
  details: CLIENT_HELP,
  async run(args) {
    const { values, positionals } = readArgs(args, {
      options: { ...CLIENT_OPTIONS, live: { type: 'boolean', default: false } },
      positionals: ['callId'],
    });
    const path = `/calls/${encodeURIComponent(positionals[0] ?? '')}/replay`;
    const body = JSON.stringify({ mode: values['live'] === true ? 'live' : 'recorded' });
    return printAnswer(await createClient(values).request('POST', path, body));
  },
};

export const logs: Command = {
  usage: 'logs <category/name[/instance]>',
  summary: 'Show log lines of an instance, then follow',
  details: CLIENT_HELP,
  async run(args) {
    const { values, positionals } = readArgs(args, {
      options: CLIENT_OPTIONS,
      positionals: ['extension'],
    });
    const path = `${instancePath(positionals[0])}/logs`;
    const response = await createClient(values).request('GET', path);
    if (!response.ok || response.body === null) return printAnswer(response);
    for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
      if (line.startsWith('data: ')) process.stdout.write(`${plain(readable(line.slice(6)))}\n`);
    }
    return 0;
  },
};

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

function assertJson(text: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`The input is not valid JSON: ${error.message}`);
  }
}

/** `12:00:01 info call_… message {fields}` */
function readable(text: string): string {
  const { at, level, callId, message, fields } = JSON.parse(text) as Record<string, unknown>;
  const parts = [String(at).slice(11, 19), String(level), callId, message];
  const more = fields === undefined ? '' : ` ${JSON.stringify(fields)}`;
  return parts.filter((part) => part !== undefined).join(' ') + more;
}
