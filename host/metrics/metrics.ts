// What `/metrics` shows, in Prometheus' text format. Everything is counted in place and put into words
// only when somebody reads; main.ts tells where the numbers are.

import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

import type { ErrorCode } from '../errors.ts';
import type { StateChange } from '../changes.ts';
import type { DeliveryState } from '../store/deliveries.ts';
import { CallMeter, CPU_BOUNDS_MS, OUTCOMES, WALL_BOUNDS_MS } from './call-meter.ts';
import type { InstanceCounts } from './call-meter.ts';
import { addHistogram } from './counts.ts';
import { STORE_BOUNDS_MS } from './store-meter.ts';
import type { StoreCounts } from './store-meter.ts';

/** Where the numbers are that nobody counts while they change. */
export type MetricSources = {
  readonly version: string;
  readonly cells: () => number;
  /** The state of every running instance. */
  readonly instanceStates: () => Iterable<string>;
  readonly deliveries: () => Promise<Readonly<Record<DeliveryState, number>>>;
  readonly store: StoreCounts;
  readonly onChange: (listener: (change: StateChange) => void) => void;
};

/** The metrics of one host. */
export type Metrics = {
  readonly calls: CallMeter;
  /** A request that egress refused. */
  denied(rule: unknown): void;
  /** A request over HTTP that was answered with a problem. */
  refused(code: ErrorCode): void;
  /** A request over a bound: of wrong tokens from its address, or of requests with its token. */
  limited(by: 'address' | 'token'): void;
  /** A refusal that the audit does not keep, as too many came at a time. */
  unaudited(): void;
  /** The media type and the text of all of them. */
  read(): Promise<{ readonly type: string; readonly text: string }>;
};

/** Rules of egress are a dozen words of ours; a new one is counted before it is listed here. */
const RULE = /^[a-z][a-z-]{0,39}$/;

/** Makes the metrics of one host. */
export function createMetrics(sources: MetricSources): Metrics {
  const calls = new CallMeter();
  const registry = new Registry();
  const registers = [registry];
  let readBefore = false;
  addCalls(registry, calls);
  addStore(registry, sources.store);
  addGauges(registers, sources);
  countChanges(registers, sources.onChange);
  const denials = new Counter({
    name: 'cofferdam_egress_denials_total',
    help: 'Requests of extensions that egress refused, by rule',
    labelNames: ['rule'],
    registers,
  });
  const problems = new Counter({
    name: 'cofferdam_http_problems_total',
    help: 'Requests over HTTP that were answered with a problem, by code',
    labelNames: ['code'],
    registers,
  });
  return {
    calls,
    denied: (rule) =>
      denials.inc({ rule: typeof rule === 'string' && RULE.test(rule) ? rule : 'other' }),
    refused: (code) => problems.inc({ code }),
    ...countRefusals(registers),
    async read() {
      // Lag and garbage collection are watched from the first look on: who never looks pays nothing.
      if (!readBefore) collectDefaultMetrics({ register: registry });
      readBefore = true;
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}

function countRefusals(registers: Registry[]): Pick<Metrics, 'limited' | 'unaudited'> {
  const limited = new Counter({
    name: 'cofferdam_rate_limited_total',
    help: 'Requests over a bound: of wrong tokens from an address, or of requests with a token',
    labelNames: ['by'],
    registers,
  });
  const unaudited = new Counter({
    name: 'cofferdam_unaudited_refusals_total',
    help: 'Refusals and failed changes that the audit does not keep, as too many came at a time',
    registers,
  });
  return { limited: (by) => limited.inc({ by }), unaudited: () => unaudited.inc() };
}

function addCalls(registry: Registry, calls: CallMeter): void {
  const total = new Counter({
    name: 'cofferdam_calls_total',
    help: 'Calls that ended, by instance, handler and outcome: ok, or who must act',
    labelNames: ['instance', 'handler', 'outcome'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { instance, calls: byHandler } of calls.read()) {
        for (const [handler, outcomes] of byHandler) {
          for (const outcome of OUTCOMES) {
            const count = outcomes[outcome];
            if (count > 0) total.inc({ instance, handler, outcome }, count);
          }
        }
      }
    },
  });
  const parts = [
    ['cofferdam_call_wall_seconds', 'From the start of a call to its end', 'wall'],
    ['cofferdam_call_queue_seconds', 'How long calls waited before they ran', 'queue'],
    ['cofferdam_call_cpu_seconds', 'CPU that calls used in their isolate', 'cpu'],
  ] as const satisfies readonly (readonly [string, string, keyof InstanceCounts])[];
  for (const [name, help, part] of parts) {
    addHistogram(registry, {
      ...{ name, help, labelNames: ['instance'], scale: 0.001 },
      bounds: part === 'cpu' ? CPU_BOUNDS_MS : WALL_BOUNDS_MS,
      *read() {
        for (const counts of calls.read()) {
          yield { labels: { instance: counts.instance }, of: counts[part] };
        }
      },
    });
  }
}

function addStore(registry: Registry, counts: StoreCounts): void {
  addHistogram(registry, {
    name: 'cofferdam_store_seconds',
    help: 'How long operations of the store take, until they are durable',
    labelNames: ['operation'],
    bounds: STORE_BOUNDS_MS,
    scale: 0.001,
    *read() {
      for (const [operation, { of }] of counts) yield { labels: { operation }, of };
    },
  });
  const failed = new Counter({
    name: 'cofferdam_store_failures_total',
    help: 'Operations of the store that failed',
    labelNames: ['operation'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [operation, { failed: count }] of counts) failed.inc({ operation }, count);
    },
  });
}

function addGauges(registers: Registry[], sources: MetricSources): void {
  const { version, cells, instanceStates, deliveries } = sources;
  new Gauge({
    name: 'cofferdam_info',
    help: 'Always 1; the version is in the label',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1);
  const running = new Gauge({
    name: 'cofferdam_cells',
    help: 'Cell processes that live now, warm spares with them',
    registers,
    collect(): void {
      running.set(cells());
    },
  });
  const instances = new Gauge({
    name: 'cofferdam_instances',
    help: 'Enabled instances of this host by state',
    labelNames: ['state'],
    registers,
    collect() {
      instances.reset();
      for (const state of instanceStates()) instances.inc({ state });
    },
  });
  const waiting = new Gauge({
    name: 'cofferdam_deliveries',
    help: 'Deliveries that the store keeps, by state; dead: given up, to be looked at',
    labelNames: ['state'],
    registers,
    async collect() {
      for (const [state, count] of Object.entries(await deliveries()))
        waiting.set({ state }, count);
    },
  });
}

/** Changes are rare beside calls, so they are counted as they come. */
function countChanges(registers: Registry[], onChange: MetricSources['onChange']): void {
  const started = new Counter({
    name: 'cofferdam_cells_started_total',
    help: 'Cell processes that were started',
    registers,
  });
  const ended = new Counter({
    name: 'cofferdam_cells_ended_total',
    help: 'Cell processes that ended, by cause; "stopped" is the orderly one',
    labelNames: ['cause'],
    registers,
  });
  const dead = new Counter({
    name: 'cofferdam_dead_letters_total',
    help: 'Deliveries that this host gave up, by kind',
    labelNames: ['kind'],
    registers,
  });
  const facts = new Counter({
    name: 'cofferdam_facts_total',
    help: 'Changes of the ledger, by kind and state',
    labelNames: ['kind', 'state'],
    registers,
  });
  const reloads = new Counter({
    name: 'cofferdam_generations_total',
    help: 'Swaps to a new generation, swaps back, and builds that failed',
    labelNames: ['result'],
    registers,
  });
  const results: Partial<Record<StateChange['type'], string>> = {
    'instance.reloaded': 'reloaded',
    'instance.rolled-back': 'rolled-back',
    'extension.build-failed': 'build-failed',
  };
  onChange(({ type, data }) => {
    const result = results[type];
    if (result !== undefined) reloads.inc({ result });
    else if (type === 'cell.started') started.inc();
    else if (type === 'cell.killed') ended.inc({ cause: String(data['cause']) });
    else if (type === 'delivery.dead') dead.inc({ kind: String(data['kind']) });
    else if (type === 'fact.recorded') {
      facts.inc({ kind: String(data['kind']), state: String(data['state']) });
    }
  });
}
