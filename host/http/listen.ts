// Opens the port. What stands in the way is a setting's fault as a rule, and says so in one line.

import type { FastifyInstance } from 'fastify';

import { SettingsError } from '../errors.ts';

/** Why listening fails, and which setting helps. */
const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another process: end that one or set another port (0 = any free)',
  EACCES: 'may not be opened by this user: set a port of 1024 or more',
  EADDRNOTAVAIL: 'is no address of this machine: set COFFERDAM_HOST to one of its own',
  ENOTFOUND: 'is no known address: set COFFERDAM_HOST to an address of this machine',
  EAI_AGAIN: 'is no known address: set COFFERDAM_HOST to an address of this machine',
};

/** Listens. @throws {SettingsError} One line naming the setting that helps */
export async function listen(
  http: FastifyInstance,
  { port, host }: { readonly port: number; readonly host: string },
): Promise<string> {
  try {
    return await http.listen({ port, host });
  } catch (error) {
    const why = LISTEN_PROBLEMS[String((error as NodeJS.ErrnoException).code)];
    if (why === undefined) throw error;
    const name = why.includes('COFFERDAM_HOST') ? 'COFFERDAM_HOST' : 'COFFERDAM_PORT';
    const value = name === 'COFFERDAM_HOST' ? `"${host}"` : `${port} at ${host}`;
    throw new SettingsError(`${name} ${value} ${why}`, { cause: error });
  }
}
