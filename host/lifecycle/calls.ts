// Calls from outside: finds the instance, gives the call its id and deadline, keeps its record.
// The result's text is passed on as it came from the guest.

import { randomUUID } from 'node:crypto';

import { Cancellation } from '../broker/cancellation.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { HostError, toErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Store } from '../store/store.ts';
import { decideLimits } from './compiled.ts';
import { runOnce } from './idempotency.ts';
import type { Actor, CallOutcome, ExtensionHost, InstanceRef } from './host.ts';
import type { Instance } from './instance.ts';
import { Instances } from './instances.ts';
import type { CallRecords } from './records.ts';

type Request = Parameters<ExtensionHost['call']>[2];

/** What calls need from outside. */
export type CallPowers = {
  readonly catalog: Catalog;
  readonly instances: Instances;
  readonly store: Store;
  readonly records: CallRecords;
  readonly nowMs: () => number;
  readonly isDraining: () => boolean;
};

/** One call that is to run in an instance. */
export type Prepared = {
  readonly instance: Instance;
  readonly id: string;
  readonly handler: string;
  readonly inputText: string;
  readonly deadlineMs: number;
  readonly dryRun: boolean;
  readonly cancellation: Cancellation;
  readonly actor: Actor;
  readonly replayOf?: string;
};

/** Runs calls. */
export class Calls {
  readonly #powers: CallPowers;

  constructor(powers: CallPowers) {
    this.#powers = powers;
  }

  /** One call from HTTP. @throws {HostError} Whatever stops it */
  async call(ref: InstanceRef, handler: string, request: Request): Promise<CallOutcome> {
    const { nowMs } = this.#powers;
    const instance = this.#findQuick(ref) ?? (await this.#find(ref)).instance;
    const { id } = instance;
    const inputText = JSON.stringify(request.input ?? null);
    if (inputText.length > LIMITS.inputBytes) {
      throw new HostError(
        'CALLER_BODY_TOO_LARGE',
        `"input" is over ${LIMITS.inputBytes} characters`,
        {
          details: { field: 'input', limit: LIMITS.inputBytes },
        },
      );
    }
    const { wallMs } = decideLimits(instance.compiled.manifest);
    const prepared: Prepared = {
      instance,
      id,
      handler,
      inputText,
      deadlineMs: nowMs() + (request.deadlineMs ?? wallMs),
      dryRun: request.dryRun ?? false,
      cancellation: request.cancellation,
      actor: request.actor,
    };
    const { idempotencyKey } = request;
    if (idempotencyKey === undefined) return this.run(prepared, createCallId());
    const callId = createCallId();
    const startedAt = new Date(nowMs()).toISOString();
    const subject = { instance: id, key: idempotencyKey, callId, handler, inputText, startedAt };
    return runOnce(this.#powers.store, subject, () => this.run(prepared, callId, idempotencyKey));
  }

  /** Runs a recorded call again, as a new call. */
  async replay(callId: string, actor: Actor): Promise<CallOutcome> {
    const { instance: id, handler, inputText } = this.#powers.records.input(callId);
    const [category = '', name = '', instanceName = ''] = id.split('/');
    const { instance } = await this.#find({ category, name, instance: instanceName });
    const { wallMs } = decideLimits(instance.compiled.manifest);
    const deadlineMs = this.#powers.nowMs() + wallMs;
    const cancellation = new Cancellation();
    const call = {
      instance,
      id,
      handler,
      inputText,
      deadlineMs,
      dryRun: false,
      cancellation,
      actor,
    };
    return this.run({ ...call, replayOf: callId }, createCallId());
  }

  /** Runs a prepared call and keeps its record. */
  async run(call: Prepared, callId: string, operationId = callId): Promise<CallOutcome> {
    const { records, nowMs, isDraining } = this.#powers;
    const { instance, id, handler, inputText, deadlineMs, dryRun, actor, replayOf } = call;
    if (isDraining()) throw new HostError('HOST_DRAINING', 'The host is shutting down');
    assertHandler(instance, id, handler);
    const record = records.start({
      callId,
      instance: id,
      handler,
      actor: actor.id,
      startedMs: nowMs(),
      inputText,
      replayOf,
    });
    try {
      const { text, receipt } = await instance.call({
        callId,
        operationId,
        attempt: 1,
        handler,
        inputText,
        deadlineMs,
        dryRun,
        cancellation: call.cancellation,
      });
      records.done(record, text, receipt);
      return { callId, resultText: text, receipt };
    } catch (error) {
      records.failed(record, toErrorData(error));
      throw withCallId(error, callId);
    }
  }

  /** Spelled as the folder is, and running: no promise needed. Anything else goes the long way. */
  #findQuick({ category, name, instance }: InstanceRef): Instance | undefined {
    return this.#powers.instances.live(`${category}/${name}/${instance}`);
  }

  async #find(ref: InstanceRef): Promise<{ id: string; instance: Instance }> {
    const { catalog, instances } = this.#powers;
    const entry = await catalog.find(ref.category, ref.name);
    const id = Instances.id(entry, ref.instance);
    const instance = instances.live(id);
    if (instance !== undefined) return { id, instance };
    await instances.row(entry, ref.instance);
    throw new HostError('CALLER_NOT_RUNNING', `Cannot call "${id}": it is not enabled`, {
      remedy: `Enable it with POST /api/v1/admin/extensions/${entry.category}/${entry.name}/instances/${ref.instance}/enable`,
    });
  }
}

const RUN = randomUUID().replaceAll('-', '').slice(0, 12);
let calls = 0;

/** Unique over hosts and restarts; the calls of one run sort as they came. */
export function createCallId(): string {
  calls += 1;
  return `call_${RUN}${calls.toString(36).padStart(7, '0')}`;
}

function assertHandler(instance: Instance, id: string, handler: string): void {
  const { handlers, actions } = instance.compiled.description;
  if (handlers.includes(handler)) return;
  const isAction = handler.startsWith('actions.');
  if (isAction && actions.some(({ name }) => `actions.${name}` === handler)) return;
  throw new HostError(
    'CALLER_HANDLER_UNKNOWN',
    `Extension "${id}" has no handler "${handler.slice(0, 100)}"`,
    { remedy: `Call one of: ${handlers.join(', ').slice(0, 1_000)}`, details: { handlers } },
  );
}

function withCallId(error: unknown, callId: string): unknown {
  if (!(error instanceof HostError)) return error;
  return new HostError(error.code, error.message, {
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    details: { ...error.details, callId },
    cause: error,
  });
}
