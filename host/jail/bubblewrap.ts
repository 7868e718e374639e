// The wall for kernels without Landlock or seccomp: bubblewrap gives a child namespaces of its own, in
// which there is no network, no other process and no file but those named. Pure but for asking what exists.

import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';

import { esbuildGrants, runtimeGrants } from './plan.ts';

/** What is shown to the child, read-only. */
export type WrapSpec = {
  readonly read: readonly string[];
  readonly mayStartProcesses: boolean;
  readonly command: readonly string[];
};

/** The command that runs `command` behind bubblewrap; fd 3 and the three standard ones pass through. */
export function wrapInBubblewrap(
  program: string,
  { read, mayStartProcesses, command }: WrapSpec,
): readonly string[] {
  const grants = [...runtimeGrants(), ...(mayStartProcesses ? esbuildGrants() : [])];
  const known = grants.flatMap(({ path }) => [path, ...librariesBeside(path)]);
  const paths = [...new Set([...known, '/usr/lib64', ...read])].filter(
    (path) => path.startsWith('/') && !isDevice(path) && existsSync(path),
  );
  return [
    program,
    // Network, processes, users, mounts, messages and the host's name: none of them shared.
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    ...['--cap-drop', 'ALL'],
    '--clearenv',
    // Binding follows links, and Node asks for the names before they are followed.
    ...paths.flatMap((path) => ['--ro-bind', path, path]),
    ...linkedFolders(),
    ...['--dev', '/dev'],
    // A folder in memory lies there, and is hidden by what was just put over it.
    ...read.filter(isDevice).flatMap((path) => ['--ro-bind', path, path]),
    // What is written to memory through a file is in nobody's resident memory: no folder takes any.
    ...['--remount-ro', '/dev'],
    ...['--remount-ro', '/'],
    '--',
    ...command,
  ];
}

function isDevice(path: string): boolean {
  return path.startsWith('/dev/');
}

/** Programs name their loader by these folders, which are links into /usr on most systems. */
function linkedFolders(): readonly string[] {
  return ['/lib', '/lib64'].flatMap((path) =>
    existsSync(path) && lstatSync(path).isSymbolicLink()
      ? ['--symlink', readlinkSync(path), path]
      : [],
  );
}

/** A program asks for a library by a name that is a link beside it: all of that folder is shown. */
function librariesBeside(path: string): readonly string[] {
  return path.includes('.so') && path.includes('/lib') && !path.startsWith('/etc/')
    ? [dirname(path)]
    : [];
}
