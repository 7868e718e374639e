// Calls from outside: finds the instance, gives the call its id and deadline, keeps its record.
// The result's text is passed on as it came from the guest.

import { randomUUID } from 'node:crypto';

import type { Logger } from 'pino';

import { Cancellation } from '../cancellation.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { Deadline } from '../deadline.ts';
import { HostError, toErrorData } from '../errors.ts';
import type { FactRecorder } from '../ledger/facts.ts';
import { LIMITS } from '../limits.ts';
import type { CallMeter } from '../metrics/call-meter.ts';
import type { StoreClock } from '../store/clock.ts';
import type { DeliveryRow } from '../store/deliveries.ts';
import type { Store } from '../store/store.ts';
import type { TracedCall, Tracing } from '../tracing.ts';
import { needsReconciliation } from '../recorder/recording.ts';
import type { Journal } from '../recorder/recorder.ts';
import type { Recording } from '../recorder/recording.ts';
import { createTrace, traceOf } from './trace.ts';
import type { Vault } from '../store/vault.ts';
import { decideLimits } from './compiled.ts';
import { guardCall } from './cut-off.ts';
import type { CutOff, GuardPowers } from './cut-off.ts';
import { runOnce } from './idempotency.ts';
import type { Actor, CallOutcome, ExtensionHost, InstanceRef } from './host.ts';
import type { Instance } from './instance.ts';
import { Instances } from './instances.ts';
import { CallTurns, runUnderKey } from './key.ts';
import { pendingDelivery, readPending } from './pending.ts';
import { isPlain } from './prepared.ts';
import type { Prepared } from './prepared.ts';
import type { CallRecords } from './records.ts';
import { isChanging, subjectOf } from './subjects.ts';

type Request = Parameters<ExtensionHost['call']>[2];

/** What calls need from outside. */
export type CallPowers = {
  readonly catalog: Catalog;
  readonly instances: Instances;
  readonly store: Store;
  readonly vault: Vault;
  readonly records: CallRecords;
  readonly facts: FactRecorder;
  readonly tracing: Tracing;
  readonly meter: Pick<CallMeter, 'ended'>;
  readonly nowMs: () => number;
  readonly clock: StoreClock;
  readonly log: Logger;
  readonly isDraining: () => boolean;
  /** Where the world reaches this host, without a slash at the end. */
  readonly publicUrl: string | undefined;
};

/** Who acts when a delivery runs. */
const DELIVERER: Actor = { id: 'delivery', role: 'system' };

/** Runs calls. */
export class Calls {
  readonly #powers: CallPowers;
  readonly #guarding: GuardPowers;
  readonly #turns: CallTurns;

  constructor(powers: CallPowers) {
    this.#powers = powers;
    const { store, clock, log } = powers;
    const onError = (error: unknown): void => log.error({ err: error }, 'end of call not kept');
    this.#guarding = { store, nowMs: clock.nowMs, onError };
    this.#turns = new CallTurns(store);
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
    const prepared: Prepared = {
      instance,
      id,
      handler,
      inputText,
      deadline: this.#deadlineOf(instance, request.deadlineMs),
      dryRun: request.dryRun ?? false,
      cancellation: request.cancellation,
      actor: request.actor,
      subject: subjectOf(id, handler, request.input),
      ...(request.replayOf === undefined ? {} : { replayOf: request.replayOf }),
      ...(request.carrier === undefined ? {} : { carrier: request.carrier }),
    };
    const { idempotencyKey: key } = request;
    const callId = createCallId();
    // A dry run changes nothing: it is neither finished after a crash nor the answer to the real call.
    if (prepared.dryRun || (key === undefined && !isChanging(id, handler))) {
      return this.#runInTurn(prepared, callId, key);
    }
    // Before anything is written under a name that may be any text.
    assertHandler(instance, id, handler);
    const cutOff = {
      callId,
      handler,
      inputText,
      key: key ?? null,
      subject: prepared.subject ?? null,
    };
    return guardCall(this.#guarding, id, cutOff, () => {
      const journalled = isChanging(id, handler);
      if (key === undefined) return this.#runInTurn({ ...prepared, journalled }, callId);
      const startedAt = new Date(nowMs()).toISOString();
      const subject = { instance: id, key, callId, handler, inputText, startedAt };
      return runOnce(this.#powers, subject, () =>
        this.#runInTurn({ ...prepared, key, journalled }, callId, key),
      );
    });
  }

  /**
   * Finishes a call that was cut off, in an isolate of its own: what it asked before is answered as it was
   * then, and it reads the same clock and draws the same random numbers.
   *
   * @param look Reads what is known of it, once no other host can be running it; undefined: it has ended
   * @returns undefined when it had ended
   * @throws {HostError} `CALLER_NEEDS_RECONCILIATION` when it goes another way than before
   */
  async resume(
    id: string,
    { callId, handler, inputText, key, subject }: CutOff,
    look: () => Promise<Journal | undefined>,
  ): Promise<CallOutcome | undefined> {
    const { instances } = this.#powers;
    const live = instances.live(id);
    if (live === undefined) throw notRunning(id);
    const prepared: Omit<Prepared, 'instance'> = {
      ...{ id, handler, inputText },
      deadline: this.#deadlineOf(live),
      dryRun: false,
      cancellation: new Cancellation(),
      actor: DELIVERER,
      attempt: 2,
      subject: subject ?? undefined,
      ...(key === null ? {} : { key }),
      journalled: isChanging(id, handler),
    };
    return this.#turns.run(prepared, callId, async (held) => {
      const journal = await look();
      if (journal === undefined) return undefined;
      const instance = instances.aside(id, journal.trace?.originMs);
      if (instance === undefined) throw notRunning(id);
      const script = { mode: 'resume', ...journal } as const;
      const call = { ...prepared, instance, script, ...(held === undefined ? {} : { held }) };
      try {
        return await this.run(call, callId, key ?? callId);
      } finally {
        await instance.stop();
      }
    });
  }

  /**
   * One attempt of a delivery to an instance.
   *
   * @param pick Chooses among the handlers that the extension has
   */
  async deliver(
    { id: operationId, target, attempt, payload }: DeliveryRow,
    pick: (handlers: readonly string[]) => string,
  ): Promise<CallOutcome> {
    const instance = this.#powers.instances.live(target);
    if (instance === undefined) throw notRunning(target);
    const handler = pick(instance.compiled.description.handlers);
    const prepared: Prepared = {
      instance,
      id: target,
      handler,
      inputText: payload,
      deadline: this.#deadlineOf(instance),
      dryRun: false,
      cancellation: new Cancellation(),
      actor: DELIVERER,
      attempt,
      subject: subjectOf(target, handler, JSON.parse(payload)),
    };
    return this.#runInTurn(prepared, createCallId(), operationId);
  }

  #deadlineOf(
    { compiled }: Instance,
    waitMs: number = decideLimits(compiled.manifest).wallMs,
  ): Deadline {
    return new Deadline(this.#powers.nowMs(), waitMs);
  }

  #runInTurn(call: Prepared, callId: string, operationId?: string): Promise<CallOutcome> {
    return this.#turns.run(call, callId, (held) =>
      this.run(held === undefined ? call : { ...call, held }, callId, operationId),
    );
  }

  /** Runs a prepared call and keeps its record. */
  async run(call: Prepared, callId: string, operationId = callId): Promise<CallOutcome> {
    const { records, nowMs, isDraining, facts, tracing, meter } = this.#powers;
    const { instance, id, handler, inputText, deadline, dryRun, actor, replayOf, held } = call;
    if (isDraining()) throw new HostError('HOST_DRAINING', 'The host is shutting down');
    assertHandler(instance, id, handler);
    const isReplay = call.script?.mode === 'replay';
    // Read once: a replay begins the clock of the guest where the record says.
    const startedMs = nowMs();
    const trace =
      call.script?.trace ?? (isPlain(call) ? undefined : createTrace(instance, startedMs));
    const record = records.start(
      {
        callId,
        instance: id,
        handler,
        actor: actor.id,
        startedMs,
        operationId,
        inputText,
        replayOf,
        journalled: call.journalled === true,
        trace,
      },
      call.script,
    );
    call.onRecord?.(record.recording);
    const isForReal = !dryRun && !isReplay;
    const isGateway = id.startsWith('gateways/') && isForReal;
    try {
      if (isGateway) await facts.ask(id, handler, inputText, held?.store);
      const request = {
        callId,
        operationId,
        attempt: call.attempt ?? 1,
        handler,
        inputText,
        deadline,
        dryRun,
        cancellation: call.cancellation,
        ...this.#webhookUrl(call),
        ...traceOf(record.recording, { isReplay, nowMs }),
      };
      const { text, receipt } = await runUnderKey(call, record.recording, () =>
        tracing.active
          ? tracing.call(tracedOf(call, callId), () => instance.call(request))
          : instance.call(request),
      );
      assertOnTrack(call, record.recording);
      const changed = isGateway ? await facts.record(id, text, held?.store) : [];
      if (isForReal) await this.#keepPending(call, { callId, text });
      await records.done(record, text, receipt);
      const { wallMs, queueMs, cpuMs } = receipt;
      meter.ended(id, { handler, wallMs, queueMs, cpuMs });
      return { callId, resultText: text, receipt, facts: changed.length };
    } catch (thrown) {
      const error = causeOf(thrown, record.recording);
      const failure = toErrorData(error);
      await records.failed(record, failure);
      const wallMs = nowMs() - record.startedMs;
      meter.ended(id, { handler, code: failure.code, wallMs, queueMs: 0, cpuMs: 0 });
      // A handler may have caught the refusal and gone on.
      assertOnTrack(call, record.recording);
      throw withDetails(error, {
        callId,
        ...(record.recording.verifiedWebhook ? { verified: true } : {}),
      });
    }
  }

  /** A result that is not final is asked about until it is. */
  async #keepPending(
    { instance, id, handler, inputText, subject, key, script, held }: Prepared,
    { callId, text }: { readonly callId: string; readonly text: string },
  ): Promise<void> {
    if (!id.startsWith('servers/') || handler === 'reconcile') return;
    if (!instance.compiled.description.handlers.includes('reconcile')) return;
    const pending = readPending(text);
    if (pending === undefined) return;
    const call = { callId, instance: id, handler, inputText, key, subject };
    const { clock } = this.#powers;
    const { store } = held ?? this.#powers;
    // Of a call that was cut off nobody waits for the answer: what it shows once is kept for the end.
    const isUnseen = script?.mode === 'resume';
    await store.addDeliveries([pendingDelivery(pending, { ...call, isUnseen }, clock.nowMs())]);
  }

  /** Where a vendor reaches the instance: told only to those that may be reached. */
  #webhookUrl({ id, instance }: Prepared): { readonly webhookUrl?: string } {
    const { publicUrl } = this.#powers;
    const mayBeReached = instance.compiled.manifest.capabilities?.webhook === true;
    return publicUrl === undefined || !mayBeReached
      ? {}
      : { webhookUrl: `${publicUrl}/hooks/${id}` };
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
    throw notRunning(id);
  }
}

function notRunning(id: string): HostError {
  const [category = '', name = '', instance = ''] = id.split('/');
  return new HostError('CALLER_NOT_RUNNING', `Cannot call "${id}": it is not enabled`, {
    remedy: `Enable it with POST /api/v1/admin/extensions/${category}/${name}/instances/${instance}/enable`,
  });
}

const RUN = randomUUID().replaceAll('-', '').slice(0, 12);
let calls = 0;

/** Unique over hosts and restarts; the calls of one run sort as they came. */
export function createCallId(): string {
  calls += 1;
  return `call_${RUN}${calls.toString(36).padStart(7, '0')}`;
}

function tracedOf({ id: instance, handler, carrier }: Prepared, callId: string): TracedCall {
  return { callId, instance, handler, ...(carrier === undefined ? {} : { carrier }) };
}

/** A guest passes on what it was refused: that the store failed is not its own failure. */
function causeOf(error: unknown, { storeFailure }: Recording): unknown {
  const isGuests = error instanceof HostError && error.code === 'EXTENSION_THREW';
  return isGuests && storeFailure !== undefined ? storeFailure : error;
}

function assertOnTrack({ script }: Prepared, { subject, strays }: Recording): void {
  if (script?.mode === 'resume' && strays.length > 0) {
    throw needsReconciliation(subject.callId, 'run again, it asks for other effects than before');
  }
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

function withDetails(error: unknown, details: Readonly<Record<string, unknown>>): unknown {
  if (!(error instanceof HostError)) return error;
  return new HostError(error.code, error.message, {
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    details: { ...error.details, ...details },
    cause: error,
  });
}
