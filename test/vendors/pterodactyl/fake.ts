// A Pterodactyl panel on loopback: its routes, its rules, its refusals, and servers that are "installing"
// until a test says otherwise. It must never stand in for anything but the panel.

import { startVendor } from '../../contract/vendor.ts';
import type { Vendor } from '../../contract/vendor.ts';
import { noteJudged, SOURCE } from '../oracle.ts';
import { createOperations, problem } from './operations.ts';
import { createRoutes } from './routes.ts';
import { createState, createViews } from './state.ts';
import type { State } from './state.ts';

/** The keys that the fake knows. */
export const API_KEY = 'ptla_9Zt4QmB2xW7cVn5LkR8sYd3FhJ6pGa1e';
export const CLIENT_KEY = 'ptlc_4Hs8NwX1vK6tQz9MbC2rLy7DfP5jUg3o';

/** What a test may change. */
export type FakePterodactyl = Vendor &
  State & {
    /** Rights of the application key: 0 none, 1 read, 3 read and write. */
    readonly rights: Record<string, number>;
    /** Requests that may still be made in this minute. */
    requestsLeft: number;
    /** Wings of every node. */
    isWingsDown: boolean;
    isClientAdmin: boolean;
    /** Runs between the check of the next order and its being carried out. */
    afterCheck: (() => void) | undefined;
    readonly signals: { readonly server: string; readonly signal: string }[];
    /** Lets all installations end. */
    finishInstalls(options?: { readonly isFailed?: boolean }): void;
  };

/** Starts a panel; see `createState` for what it has. */
export async function startFakePterodactyl(): Promise<FakePterodactyl> {
  const state = createState();
  const controls = {
    rights: Object.fromEntries(
      ['servers', 'users', 'nodes', 'allocations', 'locations', 'nests', 'eggs'].map((name) => [
        name,
        name === 'servers' || name === 'users' ? 3 : 1,
      ]),
    ) as Record<string, number>,
    requestsLeft: 240,
    isWingsDown: false,
    isClientAdmin: true,
    afterCheck: undefined as (() => void) | undefined,
    signals: [] as { server: string; signal: string }[],
    finishInstalls({ isFailed = false } = {}) {
      for (const server of state.servers.values()) {
        if (server.status === 'installing') server.status = isFailed ? 'install_failed' : null;
      }
    },
  };
  const mayRead = (resource: string) => ((controls.rights[resource] ?? 0) & 1) > 0;
  const views = createViews(state, mayRead);
  const operations = createOperations(state, controls);
  const route = createRoutes({ state, controls, views, operations });
  const vendor = await startVendor((request) => {
    // Counted per key owner; the panel's own limit is 240 a minute.
    if (controls.requestsLeft <= 0) {
      const headers = { 'retry-after': '42', 'x-ratelimit-remaining': '0' };
      return { ...problem(429, 'ThrottleRequestsException', 'Too Many Attempts.').reply, headers };
    }
    controls.requestsLeft -= 1;
    const isClient = request.path.startsWith('/api/client/');
    if (request.headers['authorization'] !== `Bearer ${isClient ? CLIENT_KEY : API_KEY}`)
      throw problem(401, 'AuthenticationException', 'Unauthenticated.');
    if (request.headers['accept'] !== 'application/json')
      return { status: 302, html: '<html></html>', headers: { location: '/auth/login' } };
    noteJudged('servers/pterodactyl', SOURCE);
    return route(request);
  });
  return Object.assign(controls, vendor, state);
}
