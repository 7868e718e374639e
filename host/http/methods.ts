// A known path with a method that it does not have is answered 405 with the methods it has.

import type { FastifyInstance, HTTPMethods } from 'fastify';

import { sendProblem } from './problems.ts';

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
] as const satisfies readonly HTTPMethods[];

/**
 * Notes the routes that are added from now on.
 *
 * @returns Adds the refusals; to be called when every route is there
 */
export function noteMethods(app: FastifyInstance): () => void {
  const byPath = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ method, url }) => {
    const known = byPath.get(url) ?? new Set<string>();
    byPath.set(url, known);
    for (const name of [method].flat()) known.add(name.toUpperCase());
  });
  return () => {
    for (const [url, known] of [...byPath]) {
      const allow = [...known].join(', ');
      const missing = METHODS.filter((method) => !known.has(method));
      app.route({
        method: missing,
        url,
        schema: { hide: true },
        // Before the body is read: a wrong body is not what is wrong.
        onRequest: (request, reply, _done) => {
          const message = `Method ${request.method} is not one of this path: ${allow}`;
          const remedy = 'See /openapi.json for every route';
          reply.header('allow', allow);
          sendProblem(reply, { code: 'CALLER_UNSUPPORTED', message, remedy }, 405);
        },
        handler: (_request, reply) => reply,
      });
    }
  };
}
