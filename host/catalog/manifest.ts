// manifest.json as text → a checked manifest, or every problem with its line and column.
// Pure; the catalog and the installer hand it the text.

import { Cron } from 'croner';
import { findNodeAtLocation, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { Node, ParseError } from 'jsonc-parser';
import type * as z from 'zod';

import type { Problem } from '../build/build.ts';
import { LIMITS } from '../limits.ts';
import { manifestSchema } from '../../sdk/manifest.ts';
import type { Manifest } from '../../sdk/manifest.ts';

const FILE = 'manifest.json';

/** A manifest or what is wrong with it; never both. */
export type ManifestResult =
  | { readonly ok: true; readonly manifest: Manifest }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Parses strict JSON (no comments, no trailing commas, no key twice) and checks every field.
 *
 * @param category The folder's category; the manifest must say the same
 */
export function parseManifest(text: string, category: string): ManifestResult {
  if (text.length > LIMITS.manifestBytes) {
    return refused([problemAt(text, 0, `The file is over ${LIMITS.manifestBytes} characters`)]);
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  if (errors.length > 0 || root === undefined) {
    const [first] = errors;
    const why = first === undefined ? 'ValueExpected' : printParseErrorCode(first.error);
    return refused([problemAt(text, first?.offset ?? 0, `Not valid JSON: ${spaced(why)}`)]);
  }
  const twice = findDuplicateKey(root);
  if (twice !== undefined) {
    const message = `Key "${String(twice.value)}" stands twice: remove one`;
    return refused([problemAt(text, twice.offset, message)]);
  }
  const parsed = manifestSchema.safeParse(JSON.parse(text));
  if (!parsed.success) {
    return refused(parsed.error.issues.flatMap((issue) => issueProblems(text, root, issue)));
  }
  const problems = crossChecks(text, root, parsed.data, category);
  return problems.length > 0 ? refused(problems) : { ok: true, manifest: parsed.data };
}

function refused(problems: readonly Problem[]): ManifestResult {
  return { ok: false, problems: problems.slice(0, LIMITS.problems) };
}

/** Rules over more than one field. */
function crossChecks(text: string, root: Node, manifest: Manifest, category: string): Problem[] {
  const at = (path: (string | number)[], message: string): Problem =>
    problemAt(text, findNodeAtLocation(root, path)?.offset ?? 0, message);
  const problems: Problem[] = [];
  if (manifest.category !== category) {
    const said = manifest.category;
    problems.push(
      at(['category'], `Category "${said}" does not match the folder: it lies under "${category}"`),
    );
  }
  if (manifest.type !== undefined && manifest.category !== 'others') {
    problems.push(at(['type'], 'Only an extension of category "others" has a "type": remove it'));
  }
  const allowed = manifest.capabilities?.fetch?.hosts ?? [];
  for (const host of Object.keys(manifest.capabilities?.fetch?.idempotency ?? {})) {
    if (allowed.includes(host)) continue;
    const message = `"${host}" is not among capabilities.fetch.hosts: add it there or remove it here`;
    problems.push(at(['capabilities', 'fetch', 'idempotency', host], message));
  }
  for (const [field, { hosts, earned }] of Object.entries(manifest.secrets ?? {})) {
    const giver = earned?.from?.findIndex((host) => !allowed.includes(host)) ?? -1;
    if (giver >= 0) {
      const message = `"${earned?.from?.[giver]}" is not among capabilities.fetch.hosts: add it there or remove it here`;
      problems.push(at(['secrets', field, 'earned', 'from', giver], message));
    }
    const stray = hosts.findIndex((host) => !allowed.includes(host));
    if (stray < 0) continue;
    const message =
      `Secret "${field}" may go to "${hosts[stray]}", which is not among capabilities.fetch.hosts: ` +
      'add it there or remove it here';
    problems.push(at(['secrets', field, 'hosts', stray], message));
  }
  for (const [index, { cron }] of (manifest.capabilities?.schedule ?? []).entries()) {
    const why = cronProblem(cron);
    if (why === undefined) continue;
    const path = ['capabilities', 'schedule', index, 'cron'];
    problems.push(at(path, `"${cron}" is no cron pattern of five fields: ${why}`));
  }
  return problems;
}

/** Why a text is no pattern that ticks at most once a minute, or undefined. */
function cronProblem(cron: string): string | undefined {
  try {
    const pattern = new Cron(cron, { mode: '5-part', paused: true });
    return pattern.nextRun() === null ? 'it never ticks' : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'unknown';
  }
}

function issueProblems(text: string, root: Node, issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const value = findNodeAtLocation(root, [...path, key]);
      const where = value?.parent?.offset ?? 0;
      const field = [...path, key].join('.');
      return problemAt(text, where, `Unknown key "${field}": remove it or correct its name`);
    });
  }
  const node = nearestNode(root, path);
  const field = path.join('.');
  const key = node?.parent?.type === 'property' ? node.parent.offset : node?.offset;
  return [problemAt(text, key ?? 0, `"${field}": ${issue.message}`)];
}

/** The node at a path, or of the nearest parent that exists (a missing key has no place). */
function nearestNode(root: Node, path: (string | number)[]): Node | undefined {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    if (node !== undefined) return node;
  }
  return root;
}

function findDuplicateKey(node: Node): Node | undefined {
  const seen = new Set<unknown>();
  for (const child of node.children ?? []) {
    const key = child.type === 'property' ? child.children?.[0] : undefined;
    if (key !== undefined) {
      if (seen.has(key.value)) return key;
      seen.add(key.value);
    }
    const inner = findDuplicateKey(child);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

function problemAt(text: string, offset: number, message: string): Problem {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  const start = before.lastIndexOf('\n') + 1;
  const end = text.indexOf('\n', offset);
  const lineText = text.slice(start, end < 0 ? undefined : end).slice(0, 200);
  return { file: FILE, line, column: offset - start + 1, message, lineText };
}

/** `PropertyNameExpected` → `property name expected`. */
function spaced(name: string): string {
  return name.replaceAll(/(?<!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}
