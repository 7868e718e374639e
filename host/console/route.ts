// Which page is open: the part of the URL after `#`, which no server and no log ever sees.

import { computed, signal } from '@preact/signals';

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

/** Segments of the open page, decoded: `#/extensions/servers/proxmox` → three. */
export const route = computed(() =>
  hash.value
    .replace(/^#?\/?/, '')
    .split('/')
    .filter((part) => part !== '')
    .map(decode),
);

/** Opens a page. */
export function go(path: string): void {
  location.hash = path;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    // URIError: somebody typed a lone "%"; taken as it is, it names nothing.
    if (error instanceof URIError) return part;
    throw error;
  }
}
