// Spans for whoever has registered an OpenTelemetry provider (`node --import`): one for each call, and one
// for each request it sends. Free when nobody has: then no span is made and nothing is looked up.
// A vendor is never told of them: trace ids would link its customers' requests.

import {
  context,
  propagation,
  ProxyTracerProvider,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Context, Span, Tracer } from '@opentelemetry/api';

import type { Capability, CapabilityTable } from './capabilities/capability.ts';
import { parseUrl } from './capabilities/parse-url.ts';
import { HostError } from './errors.ts';

/** What a call's span says of it. */
export type TracedCall = {
  readonly callId: string;
  /** `category/name/instance` */
  readonly instance: string;
  readonly handler: string;
  /** W3C headers that the call came with */
  readonly carrier?: Readonly<Record<string, string>>;
};

/** Makes the spans. */
export class Tracing {
  readonly #tracer: Tracer | undefined;
  readonly #byCall = new Map<string, Context>();

  constructor(version: string) {
    this.#tracer = isRegistered() ? trace.getTracer('cofferdam', version) : undefined;
  }

  /** Whether anybody looks at spans. */
  get active(): boolean {
    return this.#tracer !== undefined;
  }

  /** Runs a call in a span of its own. */
  async call<T>(traced: TracedCall, run: () => Promise<T>): Promise<T> {
    const tracer = this.#tracer;
    if (tracer === undefined) return run();
    const { callId, instance, handler, carrier = {} } = traced;
    const parent = propagation.extract(context.active(), carrier);
    const attributes = {
      'cofferdam.call_id': callId,
      'cofferdam.instance': instance,
      'cofferdam.handler': handler,
    };
    const span = tracer.startSpan(`call ${handler}`, { kind: SpanKind.SERVER, attributes }, parent);
    this.#byCall.set(callId, trace.setSpan(parent, span));
    try {
      return await run();
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      this.#byCall.delete(callId);
      span.end();
    }
  }

  /** The same capabilities; each request of a traced call gets a span. */
  wrap(table: CapabilityTable): CapabilityTable {
    const tracer = this.#tracer;
    if (tracer === undefined) return table;
    return Object.fromEntries(
      Object.entries(table).map(([name, serve]) => [name, this.#trace(tracer, name, serve)]),
    );
  }

  #trace(tracer: Tracer, name: string, serve: Capability): Capability {
    return async (payload, scope, upload) => {
      const parent = this.#byCall.get(scope.callId);
      if (parent === undefined) return serve(payload, scope, upload);
      const attributes = attributesOf(payload);
      const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent);
      try {
        const reply = await serve(payload, scope, upload);
        const { status } = Object(reply.value) as { status?: unknown };
        if (typeof status === 'number') span.setAttribute('http.response.status_code', status);
        return reply;
      } catch (error) {
        fail(span, error);
        throw error;
      } finally {
        span.end();
      }
    };
  }
}

/** Method and host: a path or a query may hold what is nobody's business. */
function attributesOf(payload: unknown): Record<string, string> {
  const { method, url } = Object(payload) as { method?: unknown; url?: unknown };
  const host = typeof url === 'string' ? parseUrl(url)?.hostname : undefined;
  return {
    ...(typeof method === 'string' ? { 'http.request.method': method } : {}),
    ...(host === undefined || host === '' ? {} : { 'server.address': host }),
  };
}

function fail(span: Span, error: unknown): void {
  const code = error instanceof HostError ? error.code : 'HOST_INTERNAL';
  span.setAttribute('error.type', code);
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
}

/** The API hands out a proxy; what stands behind it tells whether somebody has registered. */
function isRegistered(): boolean {
  const provider = trace.getTracerProvider();
  if (!(provider instanceof ProxyTracerProvider)) return true;
  return provider.getDelegate() !== new ProxyTracerProvider().getDelegate();
}
