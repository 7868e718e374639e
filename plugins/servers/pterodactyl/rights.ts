// What the application API key may read; asked by the test of the connection.

import type { Pterodactyl } from './api.ts';

/** What the key may not read; eggs and allocations lie below nests and nodes. */
export async function missingRights(api: Pterodactyl): Promise<string[]> {
  const missing: string[] = [];
  const below: { readonly [path: string]: string } = { '/nests': 'eggs', '/nodes': 'allocations' };
  for (const path of ['/servers', '/users', '/locations', '/nests', '/nodes']) {
    const items = await api.peek(path);
    const inner = below[path];
    const id = items?.[0]?.id;
    if (items === undefined) missing.push(path.slice(1));
    else if (inner !== undefined && id !== undefined) {
      if ((await api.peek(`${path}/${id}/${inner}`)) === undefined) missing.push(inner);
    }
  }
  return missing;
}
