// Spans for a registered provider: one of the call, under the panel's trace, one of each request it sends.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { propagation, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import type { Attributes, Context, Span, SpanStatus } from '@opentelemetry/api';

import { manifestFor, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

type Ended = {
  readonly name: string;
  readonly parent: string | undefined;
  readonly traceId: string;
  readonly attributes: Attributes;
  readonly status: SpanStatus | undefined;
};

const CODE = `import { defineOther } from 'cofferdam/sdk';
export default defineOther({
  async execute(input, { fetch }) {
    const url = 'https://api.example.com/secret/path?token=1';
    return fetch(url, { method: 'POST' }).then((reply) => reply.status, (error) => error.code);
  },
  on: {},
});
`;

describe('tracing', { timeout: 60_000 }, () => {
  const ended: Ended[] = [];
  let host: TestHost;

  before(async () => {
    registerProvider(ended);
    const capabilities = { fetch: { hosts: ['api.example.com'] } };
    host = await startTestHost(
      {
        'others/notes': {
          'manifest.json': JSON.stringify(manifestFor('others/notes', { capabilities })),
          'extension.ts': CODE,
        },
      },
      { egress: { resolve: async () => ['10.0.0.1'] } },
    );
    await host.enable('others/notes');
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    trace.disable();
    propagation.disable();
  });

  it('makes a span of a call and of what it sends, under the trace of the panel', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
    const path = '/extensions/others/notes/calls/execute';
    const { body } = await host.request('POST', path, { input: 1 }, headers);
    assert.equal(body.result, 'EGRESS_DENIED');
    const own = ended.filter((span) => span.traceId === traceId);
    assert.deepEqual(own, [
      {
        name: 'fetch',
        parent: 'call execute',
        traceId,
        attributes: {
          'http.request.method': 'POST',
          'server.address': 'api.example.com',
          'error.type': 'EGRESS_DENIED',
        },
        status: { code: SpanStatusCode.ERROR, message: 'EGRESS_DENIED' },
      },
      {
        name: 'call execute',
        parent: undefined,
        traceId,
        attributes: {
          'cofferdam.call_id': body.callId,
          'cofferdam.instance': 'others/notes/default',
          'cofferdam.handler': 'execute',
        },
        status: undefined,
      },
    ]);
  });
});

/** The smallest provider: keeps what ended. */
function registerProvider(ended: Ended[]): void {
  const names = new Map<string, string>();
  let spans = 0;
  const startSpan = (name: string, options: { attributes?: Attributes }, parent: Context): Span => {
    const above = trace.getSpanContext(parent);
    const spanId = String((spans += 1)).padStart(16, '0');
    const traceId = above?.traceId ?? 'f'.repeat(32);
    names.set(spanId, name);
    const attributes = { ...options.attributes };
    let status: SpanStatus | undefined;
    const span: Partial<Span> = {
      spanContext: () => ({ traceId, spanId, traceFlags: TraceFlags.SAMPLED }),
      setAttribute(key, value) {
        attributes[key] = value;
        return span as Span;
      },
      setStatus(given) {
        status = given;
        return span as Span;
      },
      end: () => {
        const name_ = names.get(above?.spanId ?? '');
        ended.push({ name, parent: name_, traceId, attributes, status });
      },
    };
    return span as Span;
  };
  trace.setGlobalTracerProvider({
    getTracer: () => ({
      startSpan: (name, options = {}, parent) => startSpan(name, options, parent as Context),
      startActiveSpan: () => {
        throw new Error('not used');
      },
    }),
  });
  propagation.setGlobalPropagator({
    inject: () => undefined,
    fields: () => ['traceparent'],
    extract: (parent, carrier) => {
      const [, traceId, spanId] = String(Object(carrier)['traceparent'] ?? '').split('-');
      if (traceId === undefined || spanId === undefined) return parent;
      return trace.setSpanContext(parent, { traceId, spanId, traceFlags: TraceFlags.SAMPLED });
    },
  });
}
