// What changes one instance: config, grants, enable, disable, restart. One change of an instance at a
// time; each is in the store before it is acted on, and one that fails leaves what was before.

import { Cancellation } from '../cancellation.ts';
import type { CatalogEntry } from '../catalog/catalog.ts';
import { Deadline } from '../deadline.ts';
import { HostError, toErrorData } from '../errors.ts';
import type { Held, InstanceRow } from '../store/store.ts';
import { createCallId } from './calls.ts';
import type { Calls } from './calls.ts';
import { decideLimits } from './compiled.ts';
import type { Compiled } from './compiled.ts';
import { assertComplete, maskConfig, mergeConfig, standInConfig } from './config.ts';
import { restoreConfig } from './config-history.ts';
import {
  decideGrants,
  decideLock,
  grantDifference,
  missingGrants,
  requestedGrants,
} from './grants.ts';
import type { Grants } from '../grants.ts';
import type { Actor, ExtensionHost, InstanceRef, InstanceView } from './host.ts';
import type { Instance } from './instance.ts';
import { Instances } from './instances.ts';
import type { HostParts } from './parts.ts';
import { idOf, usable } from './views.ts';

/** An instance that is being changed, with the code it runs or would run. */
type Subject = {
  readonly id: string;
  readonly entry: CatalogEntry;
  readonly compiled: Compiled;
  readonly row: InstanceRow;
  /** The key that the change runs under: it writes through nothing else. */
  readonly held: Held;
};

/** Changes instances. */
export class InstanceChanges {
  readonly #parts: HostParts;
  readonly #calls: Calls;

  constructor(parts: HostParts, calls: Calls) {
    this.#parts = parts;
    this.#calls = calls;
  }

  async create(ref: InstanceRef): Promise<InstanceView> {
    const { catalog, extensions, instances } = this.#parts;
    const entry = usable(await catalog.find(ref.category, ref.name));
    const row = await instances.create(entry, ref.instance);
    return instances.view(row, entry, extensions.peek(entry).compiled);
  }

  patch(ref: InstanceRef, { trusted }: { trusted?: boolean }): Promise<InstanceView> {
    return this.#change(ref, async (subject) => {
      const { id, row, entry, compiled, held } = subject;
      const { instances } = this.#parts;
      const next = { ...row, trusted: trusted ?? row.trusted };
      await held.store.putInstance(next);
      if (trusted !== undefined && row.enabled) {
        // Another cell: the isolate has to start anew.
        await instances.close(id);
        instances.open(next, entry, compiled);
      }
      return this.#view(subject);
    });
  }

  remove(ref: InstanceRef, actor: Actor): Promise<void> {
    return this.#change(ref, async ({ id, row, held }) => {
      const { instances, logs, sightings, publish } = this.#parts;
      const live = instances.live(id);
      if (live !== undefined) {
        await this.#hook(live, 'onDisable', { actor, held }).catch(ignoreFailure);
        await this.#hook(live, 'onUninstall', { actor, held }).catch(ignoreFailure);
      }
      await instances.close(id);
      await held.store.removeInstance(row);
      logs.remove(id);
      sightings.forget(id);
      publish({ type: 'instance.state', subject: id, data: { state: 'removed' } });
    });
  }

  putConfig(
    ref: InstanceRef,
    values: Record<string, unknown>,
    { actor, ifVersion }: { readonly actor: Actor; readonly ifVersion: number | undefined },
  ): Promise<InstanceView> {
    return this.#change(ref, async (subject) => {
      const { id, row, compiled } = subject;
      assertVersion(subject, ifVersion);
      const { vault } = this.#parts;
      const { description } = compiled;
      const config = mergeConfig(values, row.config, { description, instance: id, vault });
      return this.#saveConfig(subject, config, actor);
    });
  }

  /** Takes an earlier version back, as a new one. */
  rollbackConfig(
    ref: InstanceRef,
    { version, ifVersion }: { readonly version: number; readonly ifVersion?: number | undefined },
    actor: Actor,
  ): Promise<InstanceView> {
    return this.#change(ref, async (subject) => {
      assertVersion(subject, ifVersion);
      const { store, vault } = this.#parts;
      const { description } = subject.compiled;
      const kept = await store.configHistory(subject.row);
      const to = { description, instance: subject.id, vault };
      return this.#saveConfig(subject, restoreConfig(kept, version, to), actor);
    });
  }

  async #saveConfig(
    subject: Subject,
    config: Record<string, unknown>,
    actor: Actor,
  ): Promise<InstanceView> {
    const { id, row, entry, compiled, held } = subject;
    const { instances, publish } = this.#parts;
    await this.#validate(subject, config);
    const next = { ...row, config, configVersion: row.configVersion + 1 };
    const live = instances.live(id);
    try {
      await held.store.putConfig(next, actor.id, this.#now());
      const data = { configVersion: next.configVersion };
      publish({ type: 'instance.config', subject: id, data });
      await live?.reload(compiled);
    } catch (error) {
      // Its own code may keep an isolate on what was before; else the next call starts with what is stored.
      if (live !== undefined && !isOfCode(error)) {
        instances.retire(id);
        instances.open(next, entry, compiled);
      }
      throw error;
    }
    if (live !== undefined) {
      instances.setApplied(id, next);
      await this.#hook(live, 'onConfigChange', { input: maskConfig(row.config), actor, held });
    }
    return this.#view(subject);
  }

  enable(ref: InstanceRef, wish: Grants | undefined, actor: Actor): Promise<InstanceView> {
    return this.#change(ref, async (subject) => {
      const { id, row, entry, compiled, held } = subject;
      const { instances, publish } = this.#parts;
      assertComplete(row.config, compiled.description, id);
      await this.#validate(subject, row.config);
      const asked = requestedGrants(compiled.manifest);
      const grants = grantsFor(asked, wish, { row, actor });
      const next = { ...row, enabled: true, grants, asked };
      const told = { actor: actor.id, at: this.#now() };
      const change = { action: 'enable', ...told, ...grantDifference(row.grants, grants) };
      await held.store.putGrants(next, change);
      try {
        // What an isolate was started with does not change: new grants need a new one.
        await instances.close(id);
        const instance = instances.open(next, entry, compiled);
        await instance.start();
        await this.#enableHooks(instance, { ...subject, row: next }, actor);
      } catch (error) {
        await instances.close(id);
        const undone = { ...told, at: this.#now(), ...grantDifference(grants, row.grants) };
        const back = { ...row, enabled: false };
        await held.store.putGrants(back, { action: 'enable.undone', ...undone });
        throw error;
      }
      publish({ type: 'instance.state', subject: id, data: { state: 'running', grants } });
      return this.#view(subject);
    });
  }

  disable(ref: InstanceRef, actor: Actor): Promise<InstanceView> {
    return this.#change(ref, async (subject) => {
      const { id, row, held } = subject;
      const { instances, publish } = this.#parts;
      const hooked = { actor, held };
      const live = instances.live(id);
      // A handler that fails must not keep an extension running that the admin wants stopped.
      if (live !== undefined) await this.#hook(live, 'onDisable', hooked).catch(ignoreFailure);
      await held.store.putInstance({ ...row, enabled: false });
      await instances.close(id);
      publish({ type: 'instance.state', subject: id, data: { state: 'disabled' } });
      return this.#view(subject);
    });
  }

  /** Compiles the folder as it is now and starts anew; past failures are forgiven. */
  async restart(ref: InstanceRef): Promise<InstanceView> {
    const { catalog, extensions, instances } = this.#parts;
    const known = usable(await catalog.find(ref.category, ref.name));
    const entry = (await catalog.refresh(known.category, known.name)) ?? known;
    await extensions.compile(usable(entry));
    return this.#change(ref, async (subject) => {
      const { id, row, compiled } = subject;
      if (!row.enabled) {
        throw new HostError('CALLER_NOT_RUNNING', `Cannot restart "${id}": it is not enabled`, {
          remedy: 'Enable it first',
        });
      }
      assertCovered(subject);
      await instances.close(id);
      await instances.open(row, subject.entry, compiled).start();
      return this.#view(subject);
    });
  }

  /** `testConnection`, with the stored config or with values that are not kept. */
  test(
    ref: InstanceRef,
    values: Record<string, unknown> | undefined,
    actor: Actor,
  ): ReturnType<ExtensionHost['test']> {
    return this.#change(ref, async ({ id, row, entry, compiled, held }) => {
      const { vault, instances } = this.#parts;
      const { description, manifest } = compiled;
      if (!description.handlers.includes('testConnection')) {
        throw new HostError('CALLER_UNSUPPORTED', `Extension "${id}" has no "testConnection"`);
      }
      const merging = { description, instance: id, vault };
      const config = values === undefined ? row.config : mergeConfig(values, row.config, merging);
      assertComplete(config, description, id);
      const grants = row.grants ?? requestedGrants(manifest);
      const instance = instances.detached({ ...row, config, grants }, entry, { compiled });
      const callId = createCallId();
      try {
        const call = { input: null, actor, held };
        return checkResult(
          await this.#run(instance, 'testConnection', { ...call, callId }),
          callId,
        );
      } catch (error) {
        const { message, remedy, code } = toErrorData(error);
        if (code.startsWith('CALLER_') || code.startsWith('HOST_')) throw error;
        return { ok: false, message, ...(remedy === undefined ? {} : { remedy }), callId };
      } finally {
        await instance.stop();
      }
    });
  }

  /** Resolves names, then runs `work` after every earlier change of that instance. */
  async #change<T>(ref: InstanceRef, work: (subject: Subject) => Promise<T>): Promise<T> {
    const { catalog, extensions, instances } = this.#parts;
    const entry = usable(await catalog.find(ref.category, ref.name));
    const id = Instances.id(entry, ref.instance);
    return instances.exclusive(id, async (held) => {
      const row = await instances.row(entry, ref.instance);
      const compiled =
        row.pinned === null
          ? await extensions.current(entry)
          : await extensions.generation(entry, row.pinned);
      return work({ id, entry, compiled, row, held });
    });
  }

  #now(): string {
    return new Date(this.#parts.nowMs()).toISOString();
  }

  async #view({ entry, compiled, row }: Subject): Promise<InstanceView> {
    const { instances } = this.#parts;
    return instances.view(await instances.row(entry, row.instance), entry, compiled);
  }

  #validate(
    { entry, compiled, row }: Subject,
    values: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { instances, probe } = this.#parts;
    const { category } = entry;
    const trusted = instances.isTrusted(row, entry);
    const whose = { extension: idOf(entry), category, trusted };
    return probe.validate(whose, compiled, standInConfig(values, compiled.description));
  }

  async #enableHooks(
    instance: Instance,
    { row, compiled, held }: Subject,
    actor: Actor,
  ): Promise<void> {
    const { version } = compiled.manifest;
    if (row.installedVersion === null) await this.#hook(instance, 'onInstall', { actor, held });
    else if (row.installedVersion !== version) {
      await this.#hook(instance, 'onUpgrade', { input: row.installedVersion, actor, held });
    }
    await this.#hook(instance, 'onEnable', { actor, held });
    if (row.installedVersion !== version) {
      await held.store.putInstance({ ...row, installedVersion: version });
    }
  }

  /** Runs a lifecycle handler, when the extension has it. */
  async #hook(
    instance: Instance,
    handler: string,
    { input = null, ...call }: { input?: unknown; actor: Actor; held: Held },
  ): Promise<void> {
    if (!instance.compiled.description.handlers.includes(handler)) return;
    await this.#run(instance, handler, { input, ...call, callId: createCallId() });
  }

  async #run(
    instance: Instance,
    handler: string,
    { input, callId, ...call }: { input: unknown; actor: Actor; held: Held; callId: string },
  ): Promise<string> {
    const { wallMs } = decideLimits(instance.compiled.manifest);
    const outcome = await this.#calls.run(
      {
        instance,
        id: instance.id,
        handler,
        inputText: JSON.stringify(input),
        deadline: new Deadline(this.#parts.nowMs(), wallMs),
        dryRun: false,
        cancellation: new Cancellation(),
        ...call,
      },
      callId,
    );
    return outcome.resultText;
  }
}

/** Whether it was the extension that failed, not the host or a process. */
function isOfCode(error: unknown): boolean {
  if (!(error instanceof HostError)) return false;
  return !error.code.startsWith('HOST_') && error.code !== 'EXTENSION_CRASHED';
}

/** Without a wish, LAN ranges of an admin stay: the manifest cannot ask for them. */
function grantsFor(
  asked: Grants,
  wish: Grants | undefined,
  { row, actor }: { readonly row: InstanceRow; readonly actor: Actor },
): Grants {
  const lock = decideLock(row.grants?.lock, wish?.lock, actor);
  const lan = wish === undefined ? row.grants?.lan : wish.lan;
  return {
    ...decideGrants(asked, wish),
    ...(lan === undefined ? {} : { lan }),
    ...(lock === undefined ? {} : { lock }),
  };
}

function assertCovered({ id, row, compiled }: Subject): void {
  const asked = requestedGrants(compiled.manifest);
  const missing = missingGrants(asked, row.grants ?? {}, row.asked ?? {});
  if (Object.keys(missing).length === 0) return;
  throw new HostError(
    'CALLER_GRANT_NEEDED',
    `"${id}" now asks for more than it was granted: ${JSON.stringify(missing)}`,
    { remedy: 'Review the difference and enable it again', details: { missingGrants: missing } },
  );
}

/** A handler's own account of a check; it is a stranger's text. */
function checkResult(text: string, callId: string): Awaited<ReturnType<ExtensionHost['test']>> {
  const said = (JSON.parse(text) ?? {}) as Record<string, unknown>;
  const words = (name: string): Record<string, string> => {
    const value = said[name];
    return typeof value === 'string' ? { [name]: value.slice(0, 2_000) } : {};
  };
  return { ok: said['ok'] === true, ...words('message'), ...words('remedy'), callId };
}

/** Hooks on the way out are told, not obeyed: their failure is in the call's record. */
function ignoreFailure(error: unknown): void {
  if (!(error instanceof HostError)) throw error;
}

/** @throws {HostError} `CALLER_CONFLICT` when a change was made for another version of the config */
function assertVersion({ id, row }: Subject, ifVersion: number | undefined): void {
  const { configVersion } = row;
  if (ifVersion === undefined || ifVersion === configVersion) return;
  throw new HostError('CALLER_CONFLICT', `The config of "${id}" was changed meanwhile`, {
    remedy: 'Read it again, and send the change with the new version',
    details: { configVersion },
  });
}
