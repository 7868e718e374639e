// The HTTP surface: parse, authorise, call the host, map codes to statuses. Nothing is decided here.

import multipart from '@fastify/multipart';
import swagger from '@fastify/swagger';
import fastify, { LogController } from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';

import type { PageAssets } from '../build/build.ts';
import type { Deliveries } from '../delivery/deliveries.ts';
import type { ExtensionHost } from '../lifecycle/host.ts';
import { LIMITS } from '../limits.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { AuditStore } from '../store/audit.ts';
import type { Tokens } from '../store/tokens.ts';
import { createAuditTrail } from './audit.ts';
import { createGuard, isStillAdmitted } from './auth.ts';
import type { AuthPowers } from './auth.ts';
import { answerBrokenHttp, answerFailures, toFailure } from './failures.ts';
import { SAFE_HEADERS } from './headers.ts';
import { noteMethods } from './methods.ts';
import { describeApi } from './openapi.ts';
import { sendProblem } from './problems.ts';
import { checkProtocol } from './protocol.ts';
import { SHARED_REPLIES } from './replies.ts';
import { accessRoutes } from './routes/access.ts';
import { auditRoutes } from './routes/audit.ts';
import { callRoutes } from './routes/calls.ts';
import { configHistoryRoutes } from './routes/config-history.ts';
import { deliveryRoutes } from './routes/deliveries.ts';
import { extensionRoutes } from './routes/extensions.ts';
import { hookRoutes } from './routes/hooks.ts';
import { instanceRoutes } from './routes/instances.ts';
import { lifecycleRoutes } from './routes/lifecycle.ts';
import { operationRoutes } from './routes/operations.ts';
import { pageRoutes } from './routes/pages.ts';
import { panelRoutes } from './routes/panel.ts';
import { recordRoutes } from './routes/records.ts';
import { usageRoutes } from './routes/usage.ts';
import { EventStreams } from './sse.ts';
import { checkInputs, readJsonBodies } from './validation.ts';

/** What the surface needs. */
export type HttpPowers = {
  readonly host: ExtensionHost;
  readonly deliveries: Deliveries;
  readonly metrics: Pick<Metrics, 'read' | 'refused' | 'limited' | 'unaudited'>;
  /** Where the world reaches this host */
  readonly publicUrl: string | undefined;
  /** Compiles the pages for people. */
  readonly pages: () => Promise<PageAssets>;
  readonly tokens: Tokens;
  readonly store: AuditStore;
  readonly log: FastifyBaseLogger;
  readonly version: string;
  readonly nowMs: () => number;
};

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Headers in place of those of data. */
    headers?: Readonly<Record<string, string>>;
  }
}

/** Makes the server; the caller listens and closes. Closing ends event streams and waits for replies. */
export async function createHttpServer(powers: HttpPowers): Promise<FastifyInstance> {
  const { host, deliveries, metrics, tokens, log, version, nowMs } = powers;
  const app = createApp(log, nowMs);
  const audit = createAuditTrail(powers);
  const streams = new EventStreams({
    isStillAdmitted: (request) => isStillAdmitted(tokens, request),
    onError: (error) => log.error({ err: error }, 'event stream failed'),
    nowMs,
  });

  checkInputs(app);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.decorateRequest('actor', undefined);
  for (const schema of SHARED_REPLIES) app.addSchema(schema);
  checkProtocol(app);
  const onLimited: AuthPowers['onLimited'] = (request, { by, isFirst }) => {
    metrics.limited(by);
    if (isFirst) audit.throttled(request);
  };
  app.addHook('onRequest', createGuard({ tokens, onLimited }));
  app.addHook('onSend', (request, reply, payload, done) => {
    reply.headers(request.routeOptions.config.headers ?? SAFE_HEADERS);
    reply.header('x-request-id', request.id);
    done(null, payload);
  });
  answerFailures(app, { audit, metrics });
  app.addHook('preClose', () => streams.close());
  readJsonBodies(app);
  await app.register(multipart, {
    limits: { files: 1, fields: 5, fileSize: LIMITS.archiveBytes, parts: 6 },
  });
  await app.register(swagger, describeApi(version));
  const refuseOtherMethods = noteMethods(app);
  await app.register(
    async (admin) => {
      extensionRoutes(admin, host, audit);
      instanceRoutes(admin, host, audit);
      configHistoryRoutes(admin, host, audit);
      lifecycleRoutes(admin, host, { audit, streams });
      callRoutes(admin, host, audit);
      recordRoutes(admin, host, { audit, streams });
      usageRoutes(admin, host, audit);
      accessRoutes(admin, powers, audit);
      auditRoutes(admin, powers.store, streams);
      deliveryRoutes(admin, deliveries, audit);
    },
    { prefix: '/api/v1/admin' },
  );
  await app.register(async (panel) => panelRoutes(panel, deliveries), { prefix: '/api/v1' });
  await app.register((hooks) => hookRoutes(hooks, powers));
  operationRoutes(app, host, metrics);
  pageRoutes(app, powers.pages);
  refuseOtherMethods();
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

function createApp(log: FastifyBaseLogger, nowMs: () => number): FastifyInstance {
  // Of this run, so that an id is found once in the logs of many.
  const run = nowMs().toString(36);
  let requests = 0;
  return fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // Requests are not logged one by one: no logger of their own is needed.
    childLoggerFactory: (logger) => logger,
    genReqId: () => `req_${run}${(requests += 1).toString(36).padStart(6, '0')}`,
    bodyLimit: LIMITS.httpBodyBytes,
    // Slow requests are cut by Node's own header and request timeouts.
    requestTimeout: LIMITS.requestMs,
    http: {
      headersTimeout: LIMITS.headersMs,
      // Node looks every 30 s by itself: a slow request would live half as long again as it may.
      connectionsCheckingInterval: LIMITS.slowLookMs,
      // Checked by us, so that the refusal says what to do.
      requireHostHeader: false,
    },
    // Calls that run may finish; closeHttp ends what is idle.
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: true },
    clientErrorHandler: answerBrokenHttp,
    // A URL that no route can be looked up for.
    frameworkErrors: (thrown, request, reply) => {
      const { error, status } = toFailure(thrown, request);
      sendProblem(reply.headers(SAFE_HEADERS), error, status);
    },
  });
}
