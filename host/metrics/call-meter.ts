// What calls cost, by instance, handler and outcome. On the hot path: a few additions to plain numbers.
// Names come from strangers' code, so that every label has a bound.

import type { ErrorCode } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { Buckets } from './counts.ts';

/** Milliseconds of wall clock, of waiting, and of CPU that calls are sorted by. */
export const WALL_BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 30_000];
export const CPU_BOUNDS_MS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 2_500];

/** How a call ended: well, or who must act. */
export const OUTCOMES = ['ok', 'caller', 'extension', 'egress', 'remote', 'host'] as const;

type Outcome = (typeof OUTCOMES)[number];

/** One ended call. */
export type EndedCall = {
  readonly handler: string;
  /** Absent when it ended well */
  readonly code?: ErrorCode;
  readonly wallMs: number;
  readonly queueMs: number;
  readonly cpuMs: number;
};

/** The numbers of one instance. */
export type InstanceCounts = {
  readonly instance: string;
  readonly calls: Map<string, Record<Outcome, number>>;
  readonly wall: Buckets;
  readonly queue: Buckets;
  readonly cpu: Buckets;
};

/** Handlers that have a name in the SDK; with a dot, what stands before it. */
const HANDLERS: ReadonlySet<string> = new Set([
  ...['testConnection', 'health', 'onEnable', 'onDisable', 'onInstall', 'onUninstall', 'onUpgrade'],
  ...['onConfigChange', 'onSuspend', 'onResume', 'onSchedule', 'on', 'actions', 'pages'],
  ...['create', 'suspend', 'unsuspend', 'terminate', 'getLoginUrl', 'changePackage', 'renew'],
  ...['changePassword', 'usage', 'list', 'info', 'productConfig', 'checkoutConfig', 'validate'],
  ...['reconcile', 'pay', 'webhook', 'refund', 'capture', 'void', 'charge', 'canUse', 'execute'],
  ...['createBillingAgreement', 'cancelBillingAgreement', 'cancelSubscription'],
]);

const OTHER = 'other';

/** Counts the calls of one host. */
export class CallMeter {
  readonly #byInstance = new Map<string, InstanceCounts>();

  /** Counts a call; an instance after the first `LIMITS.meteredInstances` counts as "other". */
  ended(instance: string, { handler, code, wallMs, queueMs, cpuMs }: EndedCall): void {
    const counts = this.#byInstance.get(instance) ?? this.#add(instance);
    const kind = handlerClass(handler);
    let outcomes = counts.calls.get(kind);
    if (outcomes === undefined) {
      outcomes = { ok: 0, caller: 0, extension: 0, egress: 0, remote: 0, host: 0 };
      counts.calls.set(kind, outcomes);
    }
    outcomes[code === undefined ? 'ok' : outcomeOf(code)] += 1;
    counts.wall.add(wallMs);
    counts.queue.add(queueMs);
    counts.cpu.add(cpuMs);
  }

  /** Every instance that was called. */
  read(): Iterable<InstanceCounts> {
    return this.#byInstance.values();
  }

  #add(instance: string): InstanceCounts {
    const isFull = this.#byInstance.size >= LIMITS.meteredInstances;
    const name = isFull ? OTHER : instance;
    const known = this.#byInstance.get(name);
    if (known !== undefined) return known;
    const counts = {
      instance: name,
      calls: new Map(),
      wall: new Buckets(WALL_BOUNDS_MS),
      queue: new Buckets(WALL_BOUNDS_MS),
      cpu: new Buckets(CPU_BOUNDS_MS),
    };
    this.#byInstance.set(name, counts);
    return counts;
  }
}

/** `create` for `create`, `actions` for `actions.reboot`, `other` for what the SDK does not know. */
export function handlerClass(handler: string): string {
  if (HANDLERS.has(handler)) return handler;
  const dot = handler.indexOf('.');
  const before = dot < 0 ? '' : handler.slice(0, dot);
  return HANDLERS.has(before) ? before : OTHER;
}

/** Whoever must act: the first word of a code. */
export function outcomeOf(code: ErrorCode): Outcome {
  const blamed = code.slice(0, code.indexOf('_')).toLowerCase();
  return OUTCOMES.find((outcome) => outcome === blamed) ?? 'host';
}
