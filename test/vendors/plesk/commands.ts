// The command line utilities of the Plesk fake: what they take, what they write, how they fail.
// Forms are those of Plesk Obsidian's reference; a failing utility is a reply of 200 with a code.

import type { State } from './state.ts';

/** What a utility came to. */
export type CommandReply = {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
};

const wrote = (stdout: string): CommandReply => ({ code: 0, stdout, stderr: '' });
const failed = (stderr: string): CommandReply => ({ code: 1, stdout: '', stderr });

/** Runs a utility; undefined when Plesk has none of that name. */
export function runUtility(
  state: State,
  name: string,
  { params, env = {} }: { params: string[]; env?: Record<string, string> },
): CommandReply | undefined {
  if (!state.commands.includes(name)) return undefined;
  if (name === 'service_plan') {
    const isList = params.length === 1 && params[0] === '--list';
    return isList ? wrote(`${state.plans.join('\n')}\n`) : failed('Unrecognized command');
  }
  return name === 'admin' ? runAdmin(state, params) : runSubscription(state, params, env);
}

function runAdmin(state: State, [act, option, login, ...rest]: string[]): CommandReply {
  if (act !== '--get-login-link' || option !== '-user' || rest.length > 0) {
    return failed('Unrecognized command');
  }
  if (![...state.clients.values()].some((each) => each.login === login)) {
    return failed(`Unable to find the user ${login}`);
  }
  state.links += 1;
  const path = `/login?secret=one-time-${state.links}`;
  return wrote(`https://srv7.provider.example${path}\nhttps://203.0.113.7:8443${path}\n`);
}

function runSubscription(
  state: State,
  [act, name = '', ...rest]: string[],
  env: Record<string, string>,
): CommandReply {
  const site = [...state.domains.values()].find((each) => each.name === name);
  if (site === undefined) {
    return failed(
      `An error occurred during getting the subscription: domain "${name}" is not exist`,
    );
  }
  if (act === '--info' && rest.length === 0) {
    const owner = state.clients.get(site.clientId);
    return wrote(
      [
        'General',
        '=============================',
        `Domain name:                            ${name}`,
        `Owner's contact name:                   ${owner?.name} (${owner?.login})`,
        'Domain status:                          OK',
        'Traffic:                                1.5 MB/Month',
        '',
        'Hosting',
        '=============================',
        `FTP Login:                              ${site.ftpLogin}`,
        'FTP Password:                           ************',
        "SSH access to the server shell under the subscription's system user:/bin/false",
        'Hard disk quota:                        Unlimited (not supported)',
        'Disk space used by httpdocs:            96.0 KB',
        'Disk space used by Log files and statistical reports:28.0 KB',
        '',
        'SUCCESS: Gathering information for the subscription complete.',
      ].join('\n'),
    );
  }
  if (act === '--switch-subscription' && rest[0] === '-service-plan' && rest.length === 2) {
    const [, plan = ''] = rest;
    if (!state.plans.includes(plan)) return failed(`Unable to find service plan "${plan}"`);
    site.plan = plan;
    return wrote('SUCCESS: Switching the subscription complete.');
  }
  if (act === '--sync-subscription' && rest.length === 0) {
    state.synced.push(name);
    return wrote('SUCCESS: Syncing the subscription complete.');
  }
  const isPassword = act === '--update' && rest[0] === '-passwd' && rest[1] === '';
  const { PSA_PASSWORD: password } = env;
  if (isPassword && rest.length === 2 && password !== undefined) {
    if (password.length < 5) return failed('The password is too short');
    site.ftpPassword = password;
    return wrote('SUCCESS: Update of the subscription complete.');
  }
  return failed('Unrecognized command');
}
