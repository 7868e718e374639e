// Leads the requests of extensions to fakes on this machine, whatever host they name.

import type { EgressPowers } from '../../host/lifecycle/endow.ts';

/** A port at which nothing listens. */
const CLOSED = 1;

/** @param to Ports of fakes by host name, any other name ends at a closed port; or one port for all names */
export function egressTo(to: Readonly<Record<string, number>> | number): EgressPowers {
  return {
    // A public address that nothing is sent to: the detour takes the connection.
    resolve: async () => ['93.184.215.14'],
    detour: ({ hostname }) => ({
      address: '127.0.0.1',
      port: typeof to === 'number' ? to : (to[hostname] ?? CLOSED),
      plain: true,
    }),
  };
}
