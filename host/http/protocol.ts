// What is refused before a route is looked at, and what routes take no account of: a request without a
// host, one that wants another protocol, text in another encoding, parameters that nobody knows.

import { errorCodes } from 'fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';

import { HostError } from '../errors.ts';

const NO_PARAMETERS = { type: 'object', additionalProperties: false, properties: {} } as const;

/** Adds the checks; before the guard, and before the routes. */
export function checkProtocol(app: FastifyInstance): void {
  app.addHook('onRequest', ({ headers, raw }, reply, done) => {
    // Another protocol is not spoken here: what would follow on the connection is not read as HTTP.
    if (headers.upgrade !== undefined) reply.header('connection', 'close');
    if (headers.host !== undefined || raw.httpVersion === '1.0') return done();
    reply.header('connection', 'close');
    done(
      new HostError('CALLER_INPUT_INVALID', 'The request has no "host" header', {
        remedy: 'Send one: HTTP/1.1 asks for it',
        details: { field: 'host' },
      }),
    );
  });
  app.addHook('onRoute', (route) => {
    // A parameter that does nothing is a mistake of the caller, who should learn of it.
    const isApi = route.url.startsWith('/api/v1/');
    if (isApi && route.schema?.querystring === undefined) {
      route.schema = { ...route.schema, querystring: NO_PARAMETERS };
    }
  });
}

/** JSON is UTF-8 (RFC 8259). @throws A refusal that becomes 415 */
export function assertUtf8({ headers }: FastifyRequest): void {
  const type = headers['content-type'] ?? '';
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(type)?.[1]?.toLowerCase() ?? 'utf-8';
  if (charset !== 'utf-8' && charset !== 'utf8') {
    throw new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(type.slice(0, 200));
  }
}
