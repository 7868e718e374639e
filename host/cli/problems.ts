// Failures in a terminal: what failed, each field and place that it names, and what to do about it.

import type { Problem } from '../build/build.ts';

type Facts = Readonly<Record<string, unknown>>;

/** The lines of a failure; `code`, `detail`, `remedy` and `details` are those of a problem of the API. */
export function failureText({ code, detail, remedy, details }: Facts): string {
  const { stack, fields, problems } = Object(details) as Facts;
  const lines = [
    `${String(code)}: ${String(detail)}`,
    ...listOf(fields).map(fieldLine),
    // Written by the host's own builder or parser of manifests, which this type describes.
    ...listOf(problems).flatMap((problem) => placeLines(problem as Problem)),
    ...(remedy === undefined ? [] : [`  ${String(remedy)}`]),
    ...(typeof stack === 'string' ? [stack] : []),
  ];
  return plain(`${lines.join('\n')}\n`);
}

/** The lines of a problem of a folder: its place, the author's line with a mark under it, the remedy. */
export function placeLines({ file, line, column, message, lineText, remedy }: Problem): string[] {
  const mark = `${' '.repeat(Math.max(0, column - 1))}^`;
  return [
    `${line === 0 ? file : `${file}:${line}:${column}`}: ${message}`,
    ...(lineText === undefined || lineText === '' ? [] : [`  ${lineText}`, `  ${mark}`]),
    ...(remedy === undefined ? [] : [`  ${remedy}`]),
  ];
}

/** A field of a config; a name alone is one that has no value. */
function fieldLine(issue: unknown): string {
  if (typeof issue === 'string') return `  "${issue}": has no value`;
  const { field, message } = Object(issue) as Facts;
  return `  "${String(field)}": ${String(message)}`;
}

/** Text without what moves a terminal's cursor: some of it is a stranger's. */
export function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is to go
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\uFFFD');
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
