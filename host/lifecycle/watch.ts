// Folder changes → one debounced event per extension. Does not know its listener.

import { watch } from 'chokidar';
import { relative, sep } from 'node:path';

import type { Category } from '../catalog/categories.ts';
import { CATEGORIES } from '../catalog/categories.ts';
import { LIMITS } from '../limits.ts';

/** A running watch. */
export type FolderWatch = { readonly ready: Promise<void>; close(): Promise<void> };

/**
 * Watches `<root>/<category>/<name>` in every root.
 *
 * @param onChange Called once per extension after `LIMITS.watchDebounceMs` of quiet; never at the same
 *   time for one extension, a change during a call leads to another one afterwards
 */
export function watchFolders(
  roots: readonly string[],
  onChange: (category: Category, name: string) => Promise<void>,
): FolderWatch {
  const timers = new Map<string, NodeJS.Timeout>();
  const running = new Map<string, Promise<void>>();
  const start = (key: string): void => {
    timers.delete(key);
    const [category = '', name = ''] = key.split('/');
    const known = CATEGORIES.find((each) => each === category);
    if (known === undefined) return;
    const turn = (running.get(key) ?? Promise.resolve()).then(() => onChange(known, name));
    running.set(key, turn);
    const clear = (): void => {
      if (running.get(key) === turn) running.delete(key);
    };
    turn.then(clear, clear);
  };
  const touch = (path: string): void => {
    const root = roots.find((each) => path.startsWith(each + sep));
    if (root === undefined) return;
    const [category, name] = relative(root, path).split(sep);
    if (category === undefined || name === undefined) return;
    const key = `${category}/${name}`;
    clearTimeout(timers.get(key));
    timers.set(
      key,
      setTimeout(() => start(key), LIMITS.watchDebounceMs),
    );
  };
  const watcher = watch([...roots], {
    ignoreInitial: true,
    followSymlinks: false,
    depth: LIMITS.folderDepth,
    ignored: (path) =>
      /[\\/](?:node_modules|\.[^\\/]+)(?:[\\/]|$)/.test(path.slice(rootOf(roots, path))),
  });
  watcher.on('all', (_event, path) => touch(path));
  const ready = new Promise<void>((resolve) => {
    watcher.once('ready', resolve);
  });
  return {
    ready,
    async close() {
      for (const timer of timers.values()) clearTimeout(timer);
      await watcher.close();
      await Promise.allSettled(running.values());
    },
  };
}

/** Only what lies below a root is judged: the root itself may lie in a dot folder. */
function rootOf(roots: readonly string[], path: string): number {
  return roots.find((root) => path.startsWith(root))?.length ?? 0;
}
