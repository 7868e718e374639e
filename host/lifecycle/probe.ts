// Throw-away isolates: ask a bundle what it is, or whether config values fit, without giving it a power.

import { Runner } from '../broker/runner.ts';
import type { Bundle } from '../build/build.ts';
import { TRUSTED_CELL, UNTRUSTED_CELL } from '../cells/supervisor.ts';
import type { Supervisor } from '../cells/supervisor.ts';
import { HostError } from '../errors.ts';
import type { Manifest } from '../../sdk/manifest.ts';
import { createStackMapper, decideLimits, loadScripts } from './compiled.ts';
import type { Compiled, Description } from './compiled.ts';
import { onceMore } from './once-more.ts';
import { configError, describeRunner, ownCall } from './own-calls.ts';
import type { FieldIssue } from './own-calls.ts';

/** Whose code it is: decides in which cell it runs. */
export type ProbeSubject = {
  /** `category/name` */
  readonly extension: string;
  readonly category: string;
  readonly trusted: boolean;
};

/** Runs questions about bundles. */
export class Probe {
  readonly #supervisor: Supervisor;
  readonly #nowMs: () => number;

  constructor(supervisor: Supervisor, nowMs: () => number) {
    this.#supervisor = supervisor;
    this.#nowMs = nowMs;
  }

  /** What the bundle says of itself. @throws {HostError} `EXTENSION_LOAD_FAILED` and limits */
  describe(subject: ProbeSubject, bundle: Bundle, manifest: Manifest): Promise<Description> {
    return this.#with(subject, { bundle, manifest }, (runner) =>
      describeRunner(runner, subject.category, this.#nowMs()),
    );
  }

  /** Whether config values fit the extension's schema. @throws {HostError} `CALLER_CONFIG_INVALID` */
  async validate(
    subject: ProbeSubject,
    compiled: Compiled,
    values: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    if (compiled.description.config === null) return;
    const text = await this.#with(subject, compiled, async (runner) => {
      const call = ownCall(':validate', JSON.stringify(values), this.#nowMs());
      return (await runner.run(call)).text;
    });
    const { ok, issues } = JSON.parse(text) as { ok: boolean; issues?: readonly FieldIssue[] };
    if (!ok) throw configError(issues ?? []);
  }

  #with<T>(
    subject: ProbeSubject,
    compiled: Pick<Compiled, 'bundle' | 'manifest'>,
    ask: (runner: Runner) => Promise<T>,
  ): Promise<T> {
    return onceMore(() => this.#ask(subject, compiled, ask));
  }

  async #ask<T>(
    subject: ProbeSubject,
    { bundle, manifest }: Pick<Compiled, 'bundle' | 'manifest'>,
    ask: (runner: Runner) => Promise<T>,
  ): Promise<T> {
    const key = subject.trusted ? TRUSTED_CELL : UNTRUSTED_CELL + subject.extension;
    const cell = await this.#supervisor.acquire(key);
    const { cpuMs, memoryMiB } = decideLimits(manifest);
    const runner = new Runner({
      instance: subject.extension,
      generation: bundle.hash,
      cell,
      spec: { cpuMs, memoryMiB, scripts: loadScripts(bundle) },
      table: {},
      mapStack: createStackMapper(bundle),
      events: { log: () => undefined, ended: () => undefined, finished: () => undefined },
    });
    try {
      await runner.loaded;
      return await ask(runner);
    } finally {
      runner.dispose(new HostError('CALLER_NOT_RUNNING', 'The question has been answered'));
      this.#supervisor.release(key, cell);
    }
  }
}
