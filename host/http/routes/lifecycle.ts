// Routes that change how an instance runs: config, enable, disable, restart, test, and its logs. Each
// has a short form without `instances/{i}`, which is the instance `default`.

import type { FastifyInstance } from 'fastify';

import { isRange } from '../../capabilities/addresses.ts';
import { HostError } from '../../errors.ts';
import type { Grants } from '../../grants.ts';
import type { ExtensionHost, ExtensionRef, InstanceRef } from '../../lifecycle/host.ts';
import { events, json, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { actorOf, forbidden, MAY } from '../auth.ts';
import {
  ENABLE_BODY,
  EXTENSION_PARAMS,
  INSTANCE_PARAMS,
  TEST_BODY,
  TEST_REPLY,
  VALUES_BODY,
} from '../schemas.ts';
import type { EventStreams } from '../sse.ts';
import { etagOf, IF_MATCH, versionOf } from '../versions.ts';

type Params = ExtensionRef & { readonly instance?: string };
type Values = Record<string, unknown>;
type Form = { readonly base: string; readonly shared: object; readonly audit: AuditTrail };

const INSTANCE_REPLY = { 200: json('The instance as it is now', ref('Instance')) };

/** Adds the routes. */
export function lifecycleRoutes(
  app: FastifyInstance,
  host: ExtensionHost,
  { audit, streams }: { audit: AuditTrail; streams: EventStreams },
): void {
  const tags = ['instances'];
  const short = { tags, params: EXTENSION_PARAMS, description: 'Short form: instance "default"' };
  const full = { tags, params: INSTANCE_PARAMS };
  for (const { base, shared } of [
    { base: '/extensions/:category/:name/instances/:instance', shared: full },
    { base: '/extensions/:category/:name', shared: short },
  ]) {
    configRoute(app, host, { base, shared, audit });
    enableRoute(app, host, { base, shared, audit });
    stopRoutes(app, host, { base, shared, audit });
    testRoute(app, host, { base, shared, audit });
    logRoute(app, host, { base, shared, streams });
  }
}

function configRoute(app: FastifyInstance, host: ExtensionHost, form: Form): void {
  app.put<{ Params: Params; Body: Values }>(
    `${form.base}/config`,
    {
      config: { may: MAY.operate, about: 'instance', action: 'instance.config' },
      schema: {
        ...form.shared,
        summary: 'Set the config; secrets are write-only',
        headers: IF_MATCH,
        body: VALUES_BODY,
        response: INSTANCE_REPLY,
      },
    },
    async (request, reply) => {
      const ref = refOf(request.params);
      const version = versionOf(request);
      const view = await host.putConfig(ref, request.body, actorOf(request), version);
      reply.header('etag', etagOf(view));
      form.audit.done(request, host.subject(ref), { fields: Object.keys(request.body) });
      return view;
    },
  );
}

function enableRoute(app: FastifyInstance, host: ExtensionHost, form: Form): void {
  app.post<{ Params: Params; Body: { grants?: Grants } | null | undefined }>(
    `${form.base}/enable`,
    {
      config: { may: MAY.operate, about: 'instance', action: 'instance.enable' },
      schema: {
        ...form.shared,
        summary: 'Enable; without "grants" the call is the yes to exactly what the manifest asks',
        body: ENABLE_BODY,
        response: INSTANCE_REPLY,
      },
    },
    async (request) => {
      const ref = refOf(request.params);
      const actor = actorOf(request);
      const grants = request.body?.grants;
      // What the manifest asks for an operator may give; a way into the private network it never asks.
      if (grants?.lan !== undefined && actor.role !== 'admin') {
        throw forbidden(actor.role, '"grants.lan" opens a private network and needs admin');
      }
      assertRanges(grants);
      const view = await host.enable(ref, grants, actor);
      form.audit.done(request, host.subject(ref), { grants: view.grants });
      return view;
    },
  );
}

/** A range that is none would be granted, shown and never match. */
function assertRanges(grants: Grants | undefined): void {
  for (const [at, { cidr }] of (grants?.lan ?? []).entries()) {
    if (isRange(cidr)) continue;
    const field = `grants.lan.${at}.cidr`;
    throw new HostError('CALLER_INPUT_INVALID', `body "${field}" is no address range: "${cidr}"`, {
      remedy: 'Write it like "10.0.0.0/24", one address like "10.0.0.5/32"',
      details: { field },
    });
  }
}

function stopRoutes(app: FastifyInstance, host: ExtensionHost, form: Form): void {
  const verbs = [
    { verb: 'disable', summary: 'Drain and stop' },
    { verb: 'restart', summary: 'Compile the folder as it is now and start anew' },
  ] as const;
  for (const { verb, summary } of verbs) {
    app.post<{ Params: Params }>(
      `${form.base}/${verb}`,
      {
        config: { may: MAY.operate, about: 'instance', action: `instance.${verb}` },
        schema: { ...form.shared, summary, response: INSTANCE_REPLY },
      },
      async (request) => {
        const ref = refOf(request.params);
        const view = await host[verb](ref, actorOf(request));
        form.audit.done(request, host.subject(ref));
        return view;
      },
    );
  }
}

function testRoute(app: FastifyInstance, host: ExtensionHost, form: Form): void {
  app.post<{ Params: Params; Body: { values?: Values } | null | undefined }>(
    `${form.base}/test`,
    {
      config: { may: MAY.operate, about: 'instance', action: 'instance.test' },
      schema: {
        ...form.shared,
        summary: 'Test the connection, with the stored config or with values that are not saved',
        body: TEST_BODY,
        response: { 200: json('Whether it works', TEST_REPLY) },
      },
    },
    async (request) => {
      const ref = refOf(request.params);
      const result = await host.test(ref, request.body?.values, actorOf(request));
      const { ok, callId } = result;
      form.audit.done(request, host.subject(ref), { ok, callId });
      return result;
    },
  );
}

function logRoute(
  app: FastifyInstance,
  host: ExtensionHost,
  { base, shared, streams }: Omit<Form, 'audit'> & { streams: EventStreams },
): void {
  app.get<{ Params: Params }>(
    `${base}/logs`,
    {
      config: { may: MAY.read, about: 'instance' },
      // A HEAD would open a stream that nobody reads.
      exposeHeadRoute: false,
      schema: {
        ...shared,
        summary: 'Log lines: the kept ones, then live',
        response: { 200: events('One log line in each "event: log"') },
      },
    },
    async (request, reply) => {
      const ref = refOf(request.params);
      // Unknown names are told before the stream begins.
      await host.instance(ref);
      await streams.send(request, reply, {
        open: (signal) => host.logs(ref, signal),
        typeOf: () => 'log',
      });
    },
  );
}

/** `default` where the short form names no instance. */
export function refOf({ category, name, instance = 'default' }: Params): InstanceRef {
  return { category, name, instance };
}
