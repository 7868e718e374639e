// `cofferdam audit`: who did what on a running host, for a person or, as lines of JSON, for a program.

import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

import { CLIENT_HELP, CLIENT_OPTIONS, createClient, printAnswer } from './client.ts';
import { plain } from './problems.ts';
import { readArgs } from './usage.ts';
import type { Command } from './usage.ts';

const FILTERS = ['actor', 'action', 'subject', 'outcome', 'since', 'until'] as const;

export const audit: Command = {
  usage: 'audit [--subject <name>] [--json]',
  summary: 'Show who did what, newest first; all of it',
  details: `${CLIENT_HELP}
--actor    Id of a token, or an address that had none
--action   Such as instance.enable; "instance" for all that begin with it
--subject  Such as servers/proxmox/default; servers/proxmox for all of its instances
--outcome  done, forbidden, unauthenticated, rate-limited, or the code of a failure
--since    Not before this time, ISO 8601 UTC
--until    Before this time, ISO 8601 UTC
--json     One entry in each line, as the API gives it`,
  async run(args) {
    const filters = Object.fromEntries(FILTERS.map((name) => [name, { type: 'string' as const }]));
    const { values } = readArgs(args, {
      options: { ...CLIENT_OPTIONS, ...filters, json: { type: 'boolean', default: false } },
      positionals: [],
    });
    const given = FILTERS.flatMap((name) => {
      const value = values[name];
      return typeof value === 'string' ? [[name, value]] : [];
    });
    const query = new URLSearchParams(given).toString();
    const headers = { accept: 'application/x-ndjson' };
    const path = query === '' ? '/audit' : `/audit?${query}`;
    const response = await createClient(values).request('GET', path, undefined, headers);
    if (!response.ok || response.body === null) return printAnswer(response);
    const show = values['json'] === true ? (line: string): string => line : readable;
    for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
      await printLine(show(line));
    }
    return 0;
  },
};

/** Waits for whoever reads: an export may be larger than the memory. */
function printLine(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${line}\n`, (error) => (error ? reject(error) : resolve()));
  });
}

/** `2026-01-01T12:00:00.000Z tok_… admin instance.enable servers/proxmox/default done {details}` */
function readable(text: string): string {
  const { at, actor, role, action, subject, outcome, details } = JSON.parse(text) as Record<
    string,
    unknown
  >;
  const more = details === undefined ? '' : ` ${JSON.stringify(details)}`;
  return plain([at, actor, role, action, subject, outcome].join(' ') + more);
}
