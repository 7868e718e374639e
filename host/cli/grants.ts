// `cofferdam grants`: what was decided about the grants of an instance.

import { CLIENT_HELP, CLIENT_OPTIONS, createClient, instancePath, printAnswer } from './client.ts';
import { plain } from './problems.ts';
import { readArgs } from './usage.ts';
import type { Command } from './usage.ts';

export const grants: Command = {
  usage: 'grants <category/name[/instance]>',
  summary: 'Show who decided what about its grants, newest first',
  details: `${CLIENT_HELP}
--json   As the API gives it
A line that begins with "+" is what was added, one with "-" what was taken away.`,
  async run(args) {
    const { values, positionals } = readArgs(args, {
      options: { ...CLIENT_OPTIONS, json: { type: 'boolean', default: false } },
      positionals: ['extension'],
    });
    const path = `${instancePath(positionals[0])}/grants/history`;
    const response = await createClient(values).request('GET', path);
    if (!response.ok || values['json'] === true) return printAnswer(response);
    const { changes } = (await response.json()) as { changes: readonly Change[] };
    process.stdout.write(plain(changes.flatMap(linesOf).join('')));
    return 0;
  },
};

/** As the API promises it. */
type Change = {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly added: Readonly<Record<string, unknown>>;
  readonly removed: Readonly<Record<string, unknown>>;
};

function linesOf({ at, actor, action, added, removed }: Change): string[] {
  const marked = (mark: string, grants: Change['added']): string[] =>
    Object.entries(grants).map(([name, value]) => `  ${mark} ${name} ${JSON.stringify(value)}\n`);
  const changed = [...marked('+', added), ...marked('-', removed)];
  const same = changed.length === 0 ? ' (the same grants)' : '';
  return [`${at} ${actor} ${action}${same}\n`, ...changed];
}
