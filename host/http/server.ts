// The HTTP surface: parse, authorise, call the host, map codes to statuses. Nothing is decided here.

import multipart from '@fastify/multipart';
import swagger from '@fastify/swagger';
import { Ajv } from 'ajv';
import fastify, { LogController } from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';

import { HostError } from '../errors.ts';
import type { ExtensionHost } from '../lifecycle/host.ts';
import { LIMITS } from '../limits.ts';
import type { Store } from '../store/store.ts';
import type { Tokens } from '../store/tokens.ts';
import { createGuard } from './auth.ts';
import type { Audited } from './auth.ts';
import { SAFE_HEADERS } from './headers.ts';
import { describeApi } from './openapi.ts';
import { PROBLEM_SCHEMA, sendProblem, toProblem } from './problems.ts';
import { accessRoutes } from './routes/access.ts';
import { callRoutes } from './routes/calls.ts';
import { extensionRoutes } from './routes/extensions.ts';
import { instanceRoutes } from './routes/instances.ts';
import { EventStreams } from './sse.ts';

/** What the surface needs. */
export type HttpPowers = {
  readonly host: ExtensionHost;
  readonly tokens: Tokens;
  readonly store: Pick<Store, 'addAudit' | 'audit'>;
  readonly log: FastifyBaseLogger;
  readonly version: string;
  readonly nowMs: () => number;
};

/** Makes the server; the caller listens and closes. Closing ends event streams and waits for replies. */
export async function createHttpServer(powers: HttpPowers): Promise<FastifyInstance> {
  const { host, tokens, log, version, nowMs } = powers;
  const app: FastifyInstance = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // Requests are not logged one by one: no logger of their own is needed.
    childLoggerFactory: (logger) => logger,
    bodyLimit: LIMITS.httpBodyBytes,
    // Slow requests are cut by Node's own header and request timeouts.
    requestTimeout: LIMITS.requestMs,
    // Calls that run may finish; closeHttp ends what is idle.
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: true },
  });
  const streams = new EventStreams();
  const addAudit = (row: Parameters<typeof powers.store.addAudit>[0]): void => {
    powers.store
      .addAudit(row)
      .catch((error: unknown) => log.error({ err: error }, 'audit not written'));
  };
  const audit = (row: Omit<Parameters<typeof addAudit>[0], 'at'>): void =>
    addAudit({ ...row, at: new Date(nowMs()).toISOString() });
  const audited: Audited = (request, action, subject, details) => {
    const { actor } = request;
    const who = { actor: actor?.id ?? 'unknown', role: actor?.role ?? 'none' };
    audit({
      ...who,
      action,
      subject,
      outcome: 'done',
      ...(details === undefined ? {} : { details }),
    });
  };

  useValidators(app);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.decorateRequest('actor', undefined);
  app.addSchema(PROBLEM_SCHEMA);
  app.addHook('onRequest', createGuard({ tokens, audit, nowMs }));
  app.addHook('onSend', (_request, reply, payload, done) => {
    reply.headers(SAFE_HEADERS);
    done(null, payload);
  });
  answerFailures(app, log);
  app.addHook('preClose', () => streams.close());
  acceptEmptyJson(app);
  await app.register(multipart, {
    limits: { files: 1, fields: 5, fileSize: LIMITS.archiveBytes, parts: 6 },
  });
  await app.register(swagger, describeApi(version));
  await app.register(
    async (admin) => {
      extensionRoutes(admin, host, audited);
      instanceRoutes(admin, host, { audited, streams });
      callRoutes(admin, host, streams);
      accessRoutes(admin, powers, audited);
    },
    { prefix: '/api/v1/admin' },
  );
  operationRoutes(app, host);
  await app.ready();
  return app;
}

/** Stops listening and waits for the replies under way; connections that fall idle are ended at once. */
export async function closeHttp(app: FastifyInstance): Promise<void> {
  const idle = setInterval(() => app.server.closeIdleConnections(), LIMITS.watchMs);
  try {
    await app.close();
  } finally {
    clearInterval(idle);
  }
}

function operationRoutes(app: FastifyInstance, host: ExtensionHost): void {
  const tags = ['operations'];
  app.get('/healthz', { schema: { tags, summary: 'The process answers' } }, async () => ({
    ok: true,
  }));
  app.get(
    '/readyz',
    { schema: { tags, summary: 'It can run extensions, and which walls hold' } },
    async (_request, reply) => {
      const state = await host.readiness();
      return reply.code(state.ready ? 200 : 503).send(state);
    },
  );
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}

function answerFailures(app: FastifyInstance, log: FastifyBaseLogger): void {
  app.setErrorHandler((error, request, reply) => {
    const { data, status, bug } = toProblem(error);
    if (bug) log.error({ err: error, url: request.url }, 'request failed');
    return sendProblem(reply, data, status);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, {
      code: 'CALLER_NOT_FOUND',
      message: `There is no ${request.method} ${request.url.slice(0, 200)}`,
      remedy: 'See /openapi.json for every route',
    }),
  );
}

/** Query values are text: numbers in them are read as numbers; bodies are taken as they are. */
function useValidators(app: FastifyInstance): void {
  const shared = { useDefaults: true, allowUnionTypes: true, strict: false };
  const loose = new Ajv({ ...shared, coerceTypes: true });
  const exact = new Ajv(shared);
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'querystring' ? loose : exact).compile(schema as object),
  );
}

/** A POST without a body but with a JSON content type is a POST without a body. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') return done(null, null);
    // A short text cannot be nested deep enough to hurt.
    if (body.length > LIMITS.jsonDepth * 32 && depthOf(String(body)) > LIMITS.jsonDepth) {
      const message = `The body is nested over ${LIMITS.jsonDepth} deep`;
      return done(new HostError('CALLER_INPUT_INVALID', message));
    }
    void parse(request, String(body), done);
  });
}

/** Nesting of brackets, strings skipped: a cheap bound before anything recursive looks at the value. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === 92) at += 1;
      else if (code === 34) quoted = false;
    } else if (code === 34) quoted = true;
    else if (code === 91 || code === 123) deepest = Math.max(deepest, (depth += 1));
    else if (code === 93 || code === 125) depth -= 1;
  }
  return deepest;
}
