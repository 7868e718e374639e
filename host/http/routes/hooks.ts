// Where vendors send webhooks: any method, any type, the body kept byte for byte. Open to everybody; the
// instance's own handler says whether a request is the vendor's.

import type { FastifyInstance, FastifyRequest } from 'fastify';

import type { Deliveries } from '../../delivery/deliveries.ts';
import { HostError } from '../../errors.ts';
import type { InstanceRef } from '../../lifecycle/host.ts';
import { LIMITS } from '../../limits.ts';
import { INSTANCE_PARAMS } from '../schemas.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Headers that say who passed the request on, not what the vendor sent. */
const DROPPED: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** Adds the route, in a scope of its own: bodies are not parsed here. */
export async function hookRoutes(
  app: FastifyInstance,
  { deliveries, publicUrl }: { deliveries: Deliveries; publicUrl: string | undefined },
): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  for (const method of METHODS) {
    app.route<{ Params: InstanceRef }>({
      method,
      url: '/hooks/:category/:name/:instance',
      exposeHeadRoute: false,
      bodyLimit: LIMITS.hookBodyBytes,
      schema: {
        tags: ['hooks'],
        summary: `A vendor's webhook (${method})`,
        params: INSTANCE_PARAMS,
        response: {
          200: { description: 'Done; or what the handler answers', type: 'string' },
          202: { description: 'Stored, and worked on', type: 'string' },
          401: { description: 'Not from the vendor, says the handler', type: 'string' },
        },
      },
      handler: async (request, reply) => {
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const {
          status,
          headers,
          body: text,
        } = await deliveries.receive({
          ref: request.params,
          method: request.method,
          url: urlOf(request, publicUrl),
          headers: headersOf(request),
          body,
        });
        // Without a body of its own the reply has no type either.
        return reply
          .code(status)
          .headers(headers ?? {})
          .send(text);
      },
    });
  }
}

/** As the vendor called it: a proxy in front may have another name for this host. */
function urlOf({ protocol, host, url }: FastifyRequest, publicUrl: string | undefined): string {
  return `${publicUrl ?? `${protocol}://${host}`}${url}`;
}

function headersOf({ headers }: FastifyRequest): Record<string, string> {
  const kept: Record<string, string> = {};
  let chars = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || DROPPED.has(name)) continue;
    const text = Array.isArray(value) ? value.join(', ') : value;
    chars += name.length + text.length;
    kept[name] = text;
  }
  if (chars <= LIMITS.hookHeaderChars) return kept;
  throw new HostError('CALLER_BODY_TOO_LARGE', 'The headers are too large', {
    details: { field: 'headers', limit: LIMITS.hookHeaderChars },
  });
}
