// `npm run attack -- <file.json …>`: runs a corpus of attacks (schema cofferdam.attacks/1) and prints what
// fails. Exit code 1 when anything does.

import { readFile } from 'node:fs/promises';

import { runBuildCase } from './build-cases.ts';
import type { BuildCase } from './build-cases.ts';
import { runEgressCase } from './egress-cases.ts';
import type { EgressCase } from './egress-cases.ts';
import { runGuestCase } from './guest-cases.ts';
import type { GuestCase } from './guest-cases.ts';
import { startAttackHost } from './host.ts';
import type { AttackHost } from './host.ts';
import { isSlow, runHttpCase } from './http-cases.ts';
import type { HttpCase } from './http-outcome.ts';

type Corpus = {
  readonly schema: string;
  readonly kind: string;
  readonly cases: readonly { id: string; title: string; group: string }[];
};

/** Where the product's own contract says otherwise than the corpus. */
const DEVIATIONS: Readonly<Record<string, string>> = {
  'SB-017':
    '`performance.now` is one of the web APIs that extensions are promised, in whole milliseconds',
  'BLD-025': 'stylesheets are taken as text: nothing in them is followed',
  'BLD-038': 'the file is read once, without following links, into a private snapshot',
  'BLD-045': "the browser map of an extension's own package.json is not read",
  'BLD-071': 'the entry is extension.ts always: package.json names none',
  'BLD-073': 'the name is the folder, checked by pattern: package.json names none',
  'ADM-021': 'operators configure extensions; grants that open a private network need an admin',
  'ADM-043': 'an unknown category is 400: existing panels read that status and its text',
  'ADM-128':
    'an instance that is not enabled has no hook; test/plugins/gateways/paypal-ipn.test.ts',
  'ADM-130': 'there is no such extension, so that there is no hook: 404',
  'BLD-075': 'the manifest is manifest.json, which refuses a key that stands twice',
};

const files = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice(7);
let failed = 0;

for (const file of files) {
  const corpus = JSON.parse(await readFile(file, 'utf8')) as Corpus;
  if (corpus.schema !== 'cofferdam.attacks/1')
    throw new Error(`${file} has another schema: ${corpus.schema}`);
  const cases = corpus.cases.filter(({ id }) => only === undefined || id === only);
  // Those that wait for a minute do so beside the others, at a host that nobody kills.
  const { slow = [], quick = [] } = Object.groupBy(cases, (attack) =>
    waits(corpus.kind, attack) ? 'slow' : 'quick',
  );
  const passed = await Promise.all([runAll(corpus.kind, quick), runAll(corpus.kind, slow)]);
  const sum = passed.reduce((a, b) => a + b);
  failed += cases.length - sum;
  process.stdout.write(`${corpus.kind}: ${sum} of ${cases.length} pass\n`);
}
process.exitCode = failed === 0 ? 0 : 1;

/** Runs cases one after the other. @returns How many of them pass */
async function runAll(kind: string, cases: Corpus['cases']): Promise<number> {
  if (cases.length === 0) return 0;
  let host = kind === 'ssrf' ? undefined : await startAttackHost(shape(kind));
  let passed = 0;
  for (const attack of cases) {
    const problems = await run(kind, attack, host);
    if (problems.length === 0) passed += 1;
    else if (isDeviation(attack.id, problems)) {
      passed += 1;
      process.stdout.write(`– ${attack.id} differs on purpose: ${DEVIATIONS[attack.id]}\n`);
    } else
      process.stdout.write(
        `✖ ${attack.id} ${attack.group}: ${attack.title}\n    ${problems.join('\n    ')}\n`,
      );
    if (host?.exited() === true) host = await startAttackHost(shape(kind));
  }
  await host?.stop();
  return passed;
}

/** What a kind needs of its host. */
function shape(kind: string): { shipped: boolean } {
  return { shipped: kind === 'admin-http' };
}

function waits(kind: string, attack: unknown): boolean {
  return kind === 'admin-http' && isSlow(attack as HttpCase);
}

/** Only the verdict may differ: a leak or a broken host fails whatever the case. */
function isDeviation(id: string, problems: readonly string[]): boolean {
  const verdict = /^(?:not refused|status \d+$|ESCAPED: global performance)/;
  return Object.hasOwn(DEVIATIONS, id) && problems.every((problem) => verdict.test(problem));
}

async function run(kind: string, attack: unknown, host: AttackHost | undefined): Promise<string[]> {
  try {
    if (kind === 'ssrf') return await runEgressCase(attack as EgressCase);
    if (host === undefined) return ['no host'];
    if (kind === 'build') return await runBuildCase(host, attack as BuildCase);
    if (kind === 'sandbox' || kind === 'exhaustion')
      return await runGuestCase(host, attack as GuestCase);
    if (kind === 'admin-http') return await runHttpCase(host, attack as HttpCase);
    return [`kind "${kind}" is not known here`];
  } catch (error) {
    return [`the driver failed: ${error instanceof Error ? error.stack : String(error)}`];
  }
}
